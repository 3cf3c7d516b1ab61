"""kernels/*.cu -> kernels/ptx/*.ptx with a pinned NVRTC; no GPU, driver or toolkit. Called by build.sh.

NVRTC 12.0 writes PTX 8.0, which every driver from 525 on reads. compute_80 runs on every GPU from Ampere on, compute_90a on
Hopper only. --fmad=false: the driver contracts nothing, so bits do not depend on its version."""
import ctypes, glob, os, site, sys

HERE = os.path.dirname(os.path.abspath(__file__))
ARCH = {"sm80": b"compute_80", "sm90a": b"compute_90a"}


def files():
    """File without .ptx -> (source, architecture, macros), from the names in kernels.txt."""
    out = {}
    for line in open(os.path.join(HERE, "kernels.txt")):
        if not line.startswith("#"):
            name = line.split()[1]
            base, arch = name.split(".")
            part = base.split("_")
            if part[0] == "product":
                _, set_, epilogue, planes = part
                macros = [f"-DEPILOGUE={epilogue}", f"-DINTO=To{epilogue.title()}", f"-DPLANES_A={planes[0]}", f"-DPLANES_B={planes[1]}"]
                out[name] = (f"product_{set_}.cu", arch, macros)
            elif part[0] == "attention":
                out[name] = ("attention_mma.cu", arch, [f"-DHEAD={part[2]}"])
            else:
                out[name] = (f"{base}.cu", arch, [])
    return out


def compile(lib, source, arch, macros):
    read = lambda n: open(os.path.join(HERE, n), "rb").read()
    headers = sorted(os.path.basename(p) for p in glob.glob(os.path.join(HERE, "*.cuh")))
    # Headers by name, from memory: no path of this machine can enter the output.
    texts = (ctypes.c_char_p * len(headers))(*[read(h) for h in headers])
    names = (ctypes.c_char_p * len(headers))(*[h.encode() for h in headers])
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    lib.nvrtcCreateProgram(ctypes.byref(program), read(source), source.encode(), len(headers), texts, names)
    options = [b"--gpu-architecture=" + ARCH[arch], b"-std=c++17", b"-default-device", b"--fmad=false"] + [m.encode() for m in macros]
    failed = lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    lib.nvrtcGetProgramLog(program, log)
    if log.value.strip():
        print(log.value.decode())
    if failed:
        sys.exit(f"{source} does not compile for {arch} with {macros}")
    lib.nvrtcGetPTXSize(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    lib.nvrtcGetPTX(program, text)
    lib.nvrtcDestroyProgram(ctypes.byref(program))
    return text.raw.rstrip(b"\0")  # the size counts a NUL, which ptxas refuses


def main():
    check, only = "--check" in sys.argv, [a for a in sys.argv[1:] if not a.startswith("-")]
    lib = ctypes.CDLL(glob.glob(os.path.join(site.getsitepackages()[0], "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"))[0])
    folder = os.path.join(HERE, "ptx")
    os.makedirs(folder, exist_ok=True)
    wanted, bad = files(), []
    for name, (source, arch, macros) in wanted.items():
        if only and not any(o in name for o in only):
            continue
        text, path = compile(lib, source, arch, macros), os.path.join(folder, name + ".ptx")
        if not check:
            open(path, "wb").write(text)
            print(f"{len(text):8} bytes  {name}.ptx")
        elif not os.path.exists(path) or open(path, "rb").read() != text:
            bad.append(name + ".ptx")
    bad += [os.path.basename(p) for p in glob.glob(os.path.join(folder, "*")) if os.path.basename(p)[:-4] not in wanted]
    for name in bad:
        print(f"{name} is not what the sources give: run kernels/build.sh and commit")
    if check and not bad:
        print(f"{len(wanted)} PTX files are what the sources give")
    sys.exit(bool(bad) if check else 0)


main()
