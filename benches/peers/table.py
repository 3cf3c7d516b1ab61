"""The comparison as Markdown."""
import dataclasses
import datetime
import os
import platform
import statistics


@dataclasses.dataclass
class Row:
    name: str
    setting: str  # in words, may be empty
    runs: list
    difference: float  # largest, of log-odds, from tiltmeter's

    def rates(self):
        """Prompts per second of every run."""
        return [len(run.log_odds) / run.seconds for run in self.runs]

    def rate(self):
        return statistics.median(self.rates())


def cpu_model():
    """The processor's name, from /proc/cpuinfo where there is one."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            fields = dict(line.split(":", 1) for line in f if ":" in line)
        named = {key.strip(): value.strip() for key, value in fields.items()}
        features = [x for x in ("avx2", "fma", "avx512f", "amx_tile", "asimd") if x in
                    (named.get("flags") or named.get("Features") or "").split()]
        return f"{named.get('model name', platform.machine())} ({', '.join(features)})"
    except OSError:
        return platform.processor() or platform.machine()


def markdown(args, rows, whole, sample, trials, conclusion):
    own = rows[0].rate()
    lines = [
        f"# Prompts per second, {datetime.date.today().isoformat()}",
        "",
        f"{cpu_model()}, {args.threads} threads, {platform.system()} {platform.release()}; load average "
        f"{os.getloadavg()[0]:.1f} at the end. Checkpoint {os.path.basename(os.path.normpath(args.model))}, study "
        f"{args.study}, language {args.language}, stage {args.stage}, condition {args.condition}.",
        "",
        "| | prompts | prompts/s, median | least - most | tokens computed | tiltmeter is faster by | largest difference "
        "of log-odds | load, s | processor s per s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        run, rates = row.runs[0], row.rates()
        name = f"{row.name} ({row.setting})" if row.setting else row.name
        unequal = " (not equal)" if row.difference > args.tolerance else ""
        load = statistics.median(run.load_seconds for run in row.runs)
        busy = statistics.median(
            run.cpu_seconds / (run.wall_seconds if row.name.startswith("tiltmeter") else run.seconds) for run in row.runs)
        lines.append(
            f"| {name} | {len(run.log_odds)} | {row.rate():.3g} | {min(rates):.3g} - {max(rates):.3g} | "
            f"{run.computed_tokens:,} | {own / row.rate():.2f} | {row.difference:.1e}{unequal} | {load:.2f} | {busy:.2f} |")
    if conclusion:
        lines += ["", f"**{conclusion}**"]
    lines += [
        "",
        f"The sample's {sample[0]:,} prompts have {sample[1]:,} tokens, {sample[2]:,} in the prefix tree: "
        f"{sample[1] / sample[2]:.2f} times fewer; the whole study's {whole[0]:,} prompts have {whole[1]:,} and "
        f"{whole[2]:,}, {whole[1] / whole[2]:.2f} times fewer.",
        f"Medians of {args.rounds} round{'s' * (args.rounds > 1)} in which all took turns, each in a process of its own. Scoring alone is timed; "
        f"tiltmeter's whole process took {statistics.median(run.wall_seconds for run in rows[0].runs):.1f} s, "
        "with loading, reading and writing. Processor seconds per second show how much of the cores a peer used and "
        "was given.",
        "",
        "Versions: " + "; ".join(dict.fromkeys(row.runs[0].version for row in rows)) + ".",
    ]
    for name, tried in trials.items():
        lines += ["", f"Settings tried for {name}, on fewer prompts; the first was taken, the fastest that is equally accurate:", "",
                  "| setting | prompts/s | largest difference of log-odds |", "|---|--:|--:|"]
        lines += [f"| {setting} | {rate:.3g} | {difference:.1e} |" for rate, difference, setting in tried]
    return "\n".join(lines)
