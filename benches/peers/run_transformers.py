"""Worker: Hugging Face transformers, f32 on the CPU. The job's `way` is one of

- `loop`: one prompt at a time, the whole forward with logits at every position, as the study's authors ran it;
- `loop-last`: the same with logits at the last position only and no cache kept;
- `tree`: written by hand for this comparison: sorted prompts in packs, every shared token computed once through a mask
  over the prefix tree, the path's keys and values carried from pack to pack, logits at the last tokens only.
"""
import worker
import torch
import transformers
from prefix import packs


def load(job):
    torch.set_num_threads(job["threads"])
    torch.set_grad_enabled(False)
    transformers.utils.logging.disable_progress_bar()
    return transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32).eval()


def loop(model, job):
    logits = []
    for tokens in job["prompts"]:
        row = model(input_ids=torch.tensor([tokens])).logits[0, -1]
        logits.append([row[ids].numpy() for ids in job["choice_tokens"]])
    return logits, sum(map(len, job["prompts"]))


def loop_last(model, job):
    logits = []
    for tokens in job["prompts"]:
        row = model(input_ids=torch.tensor([tokens]), use_cache=False, logits_to_keep=1).logits[0, -1]
        logits.append([row[ids].numpy() for ids in job["choice_tokens"]])
    return logits, sum(map(len, job["prompts"]))


def tree_mask(pack, carried):
    """Additive mask [1, 1, rows, carried + rows]: a row sees its ancestors and itself."""
    rows = len(pack.tokens)
    seen = torch.zeros(rows, carried + rows, dtype=torch.bool)
    for path, shared in zip(pack.paths, pack.shared):
        path = torch.tensor(path)
        seen[path, :shared] = True
        seen[path[:, None], carried + path[None, :]] |= torch.ones(len(path), len(path), dtype=torch.bool).tril()
    hidden = torch.full(seen.shape, torch.finfo(torch.float32).min)
    return hidden.masked_fill_(seen, 0.0)[None, None]


def tree(model, job):
    logits, computed, layers = [None] * len(job["prompts"]), 0, None
    for pack in packs(job["prompts"], job["pack_tokens"], job["pack_prompts"]):
        carried = pack.shared[0]
        cache = transformers.DynamicCache(config=model.config)
        if carried:
            for i, (keys, values) in enumerate(layers):
                cache.update(keys[:, :, :carried], values[:, :, :carried], i)
        last_rows = torch.tensor([path[-1] for path in pack.paths])
        out = model(
            input_ids=torch.tensor([pack.tokens]),
            position_ids=torch.tensor([pack.depths]),
            attention_mask=tree_mask(pack, carried),
            past_key_values=cache,
            logits_to_keep=last_rows,
        ).logits[0]
        computed += len(pack.tokens)
        for member, row in zip(pack.members, out):
            logits[member] = [row[ids].numpy() for ids in job["choice_tokens"]]
        path = list(range(pack.shared[-1])) + [carried + row for row in pack.paths[-1]]
        path = torch.tensor(path)
        layers = [(layer.keys[:, :, path], layer.values[:, :, path]) for layer in cache.layers]
    return logits, computed


def score(model, job):
    return {"loop": loop, "loop-last": loop_last, "tree": tree}[job["way"]](model, job)


def version():
    return f"transformers {transformers.__version__}, torch {torch.__version__}"


if __name__ == "__main__":
    worker.run(load, score, version)
