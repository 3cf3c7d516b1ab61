"""Assembles ptx/*.ptx for every GPU and says what becomes of each kernel; no GPU needed. Called by report.sh.

Fails on a stack frame, a spill, local memory, and on ptxas' remarks of the C75xx kind (setmaxnreg ignored, waits put between
wgmma), which ptxas prints as information only."""
import concurrent.futures, glob, os, re, site, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TARGETS = {"sm80": ["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"], "sm90a": ["sm_90a"]}
BEGIN, END = "<!-- kernels/report.sh -->\n", "<!-- end -->\n"


def tool(name):
    return glob.glob(os.path.join(site.getsitepackages()[0], "nvidia/cu13/bin", name))[0]


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def count(sass):
    """Instructions of one function: all, tensor instructions, and of the innermost loop with most of those: (all, tensor)."""
    labels, places, jumps = {}, [], []
    for line in sass.splitlines():
        label = re.match(r"(\.L_x_\d+):", line)
        code = re.match(r"\s+/\*([0-9a-f]{4,})\*/\s+(.*)", line)
        if label:
            labels[label.group(1)] = len(places)
        elif code:
            places.append(code.group(2))
            target = re.search(r"BRA.*`\((\.L_x_\d+)\)", code.group(2))
            if target:
                jumps.append((len(places), target.group(1)))
    while places and re.match(r"(NOP|BRA `?\(?\.L)", places[-1]):  # padding at the end
        places.pop()
    tensor = [bool(re.search(r"\bH[G]?MMA\b|\bHMMA\.", p)) for p in places]
    # A jump back over less than the jumps around it, with tensor instructions inside; ptxas moves waits out of line, which are no loops.
    loops = [(sum(tensor[labels[t]:end]), end - labels[t]) for end, t in jumps if t in labels and labels[t] < end]
    loops = [l for l in loops if l[0]]
    most = max((l[0] for l in loops), default=0)
    inner = min((l for l in loops if l[0] * 2 > most), key=lambda l: l[1], default=None)
    return len(places), sum(tensor), inner


def assemble(path, gpu):
    rows, bad = {}, []
    with tempfile.TemporaryDirectory() as folder:
        cubin = os.path.join(folder, "x.cubin")
        done = run([tool("ptxas"), "-arch=" + gpu, "-v", "-warn-spills", "-warn-lmem-usage", "-Werror", path, "-o", cubin])
        for line in done.stdout.splitlines():
            if re.search(r"\(C75\d\d\)|error|fatal|warning", line):
                bad.append(f"{os.path.basename(path)} for {gpu}: {line.strip()}")
        if done.returncode:
            return rows, bad or [f"{path} for {gpu}: ptxas failed"]
        used = re.findall(
            r"Function properties for (\w+)\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads\n.*?: Used (\d+) registers",
            done.stdout)
        sass = re.split(r"\.section\s+\.text\.(\w+),.*", run([tool("nvdisasm"), "-c", cubin]).stdout)
        code = {sass[i]: sass[i + 1] for i in range(1, len(sass) - 1, 2)}
        for name, stack, stores, loads, registers in used:
            if int(stack) or int(stores) or int(loads):
                bad.append(f"{name} for {gpu}: {stack} bytes of stack, {stores} + {loads} bytes spilled")
            local = len(re.findall(r"\b(?:LDL|STL)\b", code[name]))
            if local:
                bad.append(f"{name} for {gpu}: {local} accesses to local memory")
            rows[name] = (gpu, int(registers), *count(code[name]))
    return rows, bad


def table():
    entries = [l.split() for l in open(os.path.join(HERE, "kernels.txt")) if not l.startswith("#")]
    jobs = [(os.path.join(HERE, "ptx", f + ".ptx"), gpu) for f in dict.fromkeys(e[1] for e in entries) for gpu in TARGETS[f.split(".")[1]]]
    found, bad = {}, []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for rows, wrong in pool.map(lambda j: assemble(*j), jobs):
            bad += wrong
            for name, row in rows.items():
                found.setdefault(name, {})[row[0]] = row[1:]
    lines = ["| kernel | threads | shared memory | registers | tensor loop | all |\n", "|---|--:|--:|---|--:|--:|\n"]
    for name, file, threads, _, shared, *_ in entries:
        by = found.get(name, {})
        missing = [g for g in TARGETS[file.split(".")[1]] if g not in by]
        if missing:
            bad.append(f"{name} was not assembled for {', '.join(missing)}")
            continue
        registers = " ".join(str(r[0]) for r in by.values())
        if len({r[0] for r in by.values()}) == 1:
            registers = registers.split()[0]
        _, total, tensor, loop = next(iter(by.values()))
        if ("mma" in name) != bool(tensor):
            bad.append(f"{name}: {tensor} tensor instructions")
        inner = f"{loop[1]} / {loop[0]}" if loop else "-"
        lines.append(f"| `{name}` | {threads} | {shared} | {registers} | {inner} | {total}{f' / {tensor}' if tensor else ''} |\n")
    return "".join(lines), bad


def main():
    text, bad = table()
    print(text, end="")
    if len(sys.argv) > 1:  # a document that shows the table
        path = sys.argv[2] if sys.argv[1] == "--write" else sys.argv[1]
        document = open(path).read()
        before, rest = document.split(BEGIN, 1)
        shown, after = rest.split(END, 1)
        if sys.argv[1] == "--write":
            open(path, "w").write(before + BEGIN + text + END + after)
        elif shown != text:
            bad.append(f"{os.path.basename(path)} shows another table: run kernels/report.sh --write {os.path.basename(path)}")
    for line in bad:
        print(line, file=sys.stderr)
    sys.exit(bool(bad))


main()
