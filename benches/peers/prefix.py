"""Prefix sharing over token ids, for the peers that can use it: sorting, counting, cutting into packs."""


def shared_prefix(a, b):
    """Number of leading tokens that two sequences share."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    return next(i for i in range(n) if a[i] != b[i])


def tree_tokens(prompts):
    """Number of tokens in the prefix tree of the prompts: each shared token counted once."""
    total, previous = 0, []
    for tokens in sorted(prompts):
        total += len(tokens) - shared_prefix(previous, tokens)
        previous = tokens
    return total


class Pack:
    """Prompts whose unshared tokens are computed in one forward pass.

    `shared[k]` tokens of prompt `members[k]` lie on the path that the pack before left behind (`carried` tokens of it
    are kept at most); the others are the pack's rows. `paths[k]` gives, by depth from `shared[k]` on, the row of each
    further token of prompt k, so that its last entry is the row to read. Rows are in depth-first order.
    """

    def __init__(self):
        self.members, self.shared, self.paths = [], [], []
        self.tokens, self.depths = [], []

    def add(self, member, tokens, overlap, on_path):
        """Adds a prompt that shares `overlap` tokens with the last one, `on_path` of them with the path carried over."""
        first = len(self.tokens)
        inherited = self.paths[-1][: max(0, overlap - self.shared[-1])] if self.paths else []
        self.members.append(member)
        self.shared.append(on_path)
        self.paths.append(inherited + list(range(first, first + len(tokens) - overlap)))
        self.tokens.extend(tokens[overlap:])
        self.depths.extend(range(overlap, len(tokens)))


def packs(prompts, max_tokens, max_prompts):
    """Cuts distinct prompts, in sorted order, into packs of at most `max_tokens` rows (one prompt always fits)."""
    order = sorted(range(len(prompts)), key=prompts.__getitem__)
    pack, previous, on_path = Pack(), [], 0
    for index in order:
        tokens = prompts[index]
        overlap = shared_prefix(previous, tokens)
        full = len(pack.tokens) + len(tokens) - overlap > max_tokens or len(pack.members) == max_prompts
        if pack.members and full:
            yield pack
            pack, on_path = Pack(), overlap
        # Along sorted prompts, what is shared with the carried path only shrinks.
        on_path = min(on_path, overlap) if pack.members else overlap
        pack.add(index, tokens, overlap, on_path)
        previous = tokens
    if pack.members:
        yield pack
