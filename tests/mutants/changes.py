"""What can be changed in a Rust source: finds the changes and writes the source with all of them in it, each behind a switch.

The changes are those of cargo-mutants, with the boundaries of comparisons and the sense of conditions added:

- a function gives at once a value of its type: `fn f() -> bool { ... }` begins with `if on(7) { return true; }`
- an operator becomes another: `a + b` is `match (a, b) { (l, r) => if on(8) { l - r } else { l + r } }`
- `!` and `-` before an operand go; a condition of an `if` or of a `match` on true and false is turned round
- an arm of a match with a catch-all goes, a guard becomes true or false

Left alone: tests, code for other systems, constants and all else that the compiler computes, arguments of macros.
"""

import itertools
import re

import tree_sitter_rust
from tree_sitter import Language, Parser

PARSER = Parser(Language(tree_sitter_rust.language()))
COMPARED = {"==": ["!="], "!=": ["=="], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"]}
JOINED = {"&&": "||", "||": "&&"}
COMPUTED = {
    **{"+": ["-", "*"], "-": ["+", "/"], "*": ["+", "/"], "/": ["*", "%"], "%": ["/", "+"]},
    **{"&": ["|", "^"], "|": ["&", "^"], "^": ["|", "&"], "<<": [">>"], ">>": ["<<"]},
}
RAW = {"const_item", "static_item", "macro_invocation", "macro_definition", "attribute_item", "inner_attribute_item"}
RAW |= {"line_comment", "block_comment", "string_literal", "const_block", "enum_item", "struct_item", "type_item"}
ELSEWHERE = re.compile(r"cfg\(.*\b(test|windows)\b|cfg\(not\((unix|target_os)|#\[test\]")
FEW = 3


class Source:
    """One file. Mutants are numbered from `first` on in the order of the text, those of `dropped` are left out of it."""

    def __init__(self, path, text, first, dropped):
        self.path, self.text, self.next, self.dropped = path, text.encode(), first, dropped
        self.mutants, self.names, self.functions = [], {}, []
        self.written = self.emit(PARSER.parse(self.text).root_node)

    def raw(self, node):
        return self.text[node.start_byte : node.end_byte].decode()

    def mutant(self, node, what):
        """A mutant's number, or None if it is left out."""
        place = "::".join(self.functions)
        name = f"{self.path} {place}: {what}"
        self.names[name] = again = self.names.get(name, 0) + 1
        name += f" ({again})" if again > 1 else ""
        number, self.next = self.next, self.next + 1
        if name in self.dropped:
            return None
        self.mutants.append({"id": number, "name": name, "file": self.path, "line": node.start_point[0] + 1})
        return number

    def several(self, node, whats):
        """Numbers and what they stand for."""
        numbered = [(self.mutant(node, text), value) for text, value in whats]
        return [(number, value) for number, value in numbered if number is not None]

    def emit(self, node):
        if node.type in RAW or not node.children:
            return self.raw(node)
        change = getattr(self, "change_" + node.type, None)
        return (change and change(node)) or self.plain(node)

    def plain(self, node, other={}):
        """The node with its children's changes; `other` has what stands for some of the children, by their start."""
        out, at, elsewhere = [], node.start_byte, False
        for child in node.children:
            out.append(self.text[at : child.start_byte].decode())
            at = child.end_byte
            if child.type == "attribute_item":
                elsewhere |= bool(ELSEWHERE.search(self.raw(child)))
                out.append(self.raw(child))
            elif child.type in ("line_comment", "block_comment"):
                out.append(self.raw(child))
            else:
                out.append(self.raw(child) if elsewhere else other.get(child.start_byte) or self.emit(child))
                elsewhere = False
        return "".join(out) + self.text[at : node.end_byte].decode()

    # Names of what a mutant is in.

    def within(self, node, name):
        self.functions.append(name)
        out = self.plain(node)
        self.functions.pop()
        return out

    def change_impl_item(self, node):
        return self.within(node, self.raw(node.child_by_field_name("type")).split("<")[0])

    def change_trait_item(self, node):
        return self.within(node, self.raw(node.child_by_field_name("name")))

    def change_mod_item(self, node):
        return self.within(node, self.raw(node.child_by_field_name("name")))

    def change_function_item(self, node):
        head = self.text[node.start_byte : node.child_by_field_name("body").start_byte].decode()
        if re.search(r"\b(const|unsafe) (unsafe )?fn\b", head):
            return self.raw(node)
        return self.within(node, self.raw(node.child_by_field_name("name")))

    # Changes.

    def change_block(self, node):
        """A function's body."""
        if node.parent.type != "function_item" or len(node.named_children) == 0:
            return None
        kind = node.parent.child_by_field_name("return_type")
        body = self.raw(node)[1:-1].strip()
        values = [v for v in values_of(self.raw(kind) if kind else "()") if v != body]
        numbered = self.several(node, [(f"give {value}", value) for value in values])
        first = "".join(f" if {on(n)} {{ {marked(n, f'return {value};')} }}" for n, value in numbered)
        return "{" + first + self.plain(node)[1:]

    def change_binary_expression(self, node):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator").type
        others = COMPARED.get(operator) or COMPUTED.get(operator) or [JOINED[operator]]
        numbered = self.several(node, [(f"{other} for {operator} in {short(self.raw(node))}", other) for other in others])
        if not numbered:
            return None
        a, b = self.emit(left), self.emit(right)
        if operator in JOINED:
            number = numbered[0][0]
            whole = f"if __l {'!=' if operator == '&&' else '=='} {on(number)} {{ {b} }} else {{ __l }}"
            return marked(number, f"({{ let __l: bool = {a}; {whole} }})")
        refer, value = ("&", "*") if operator in COMPARED else ("", "")
        cases = "".join(f"if {on(n)} {{ {marked(n, f'{value}__l {other} {value}__r')} }} else " for n, other in numbered)
        whole = f"{cases}{{ {value}__l {operator} {value}__r }}"
        numbers = [n for n, _ in numbered]
        return marked(numbers, f"(match ({refer}({a}), {refer}({b})) {{ (__l, __r) => {whole} }})")

    def change_compound_assignment_expr(self, node):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = self.raw(node.child_by_field_name("operator"))
        others = [other + "=" for other in COMPUTED[operator[:-1]]]
        numbered = self.several(node, [(f"{other} for {operator} in {short(self.raw(node))}", other) for other in others])
        if not numbered:
            return None
        a = self.emit(left)
        cases = "".join(f"if {on(n)} {{ {marked(n, f'{a} {other} __r')} }} else " for n, other in numbered)
        numbers = [n for n, _ in numbered]
        return marked(numbers, f"(match {self.emit(right)} {{ __r => {cases}{{ {a} {operator} __r }} }})")

    def change_unary_expression(self, node):
        operator, operand = node.children[0].type, node.children[-1]
        if operator not in "!-" or (number := self.mutant(node, f"without {operator} in {short(self.raw(node))}")) is None:
            return None
        if operator == "!":
            return marked(number, f"(({self.emit(operand)}) != !{on(number)})")
        return marked(number, f"(match {self.emit(operand)} {{ __l => if {on(number)} {{ __l }} else {{ -__l }} }})")

    def turned(self, node, condition):
        """The condition, with a switch that turns it round; None where an operator in it is changed already."""
        bare = condition
        while bare.type == "parenthesized_expression":
            bare = bare.named_children[0]
        operator = bare.child_by_field_name("operator")
        joined = bare.type == "binary_expression" and (operator.type in COMPARED or operator.type in JOINED)
        negated = bare.type == "unary_expression" and bare.children[0].type == "!"
        if joined or negated or bare.type in ("let_condition", "let_chain", "boolean_literal"):
            return None
        number = self.mutant(node, f"turn round {short(self.raw(condition))}")
        return number and marked(number, f"(({self.emit(condition)}) != {on(number)})")

    def change_if_expression(self, node):
        condition = node.child_by_field_name("condition")
        return self.plain(node, {condition.start_byte: self.turned(node, condition)})

    change_while_expression = change_if_expression

    def change_match_expression(self, node):
        value, body = node.child_by_field_name("value"), node.child_by_field_name("body")
        first = next((arm for arm in body.named_children if arm.type == "match_arm"), None)
        if first is None or self.raw(first.child_by_field_name("pattern")) not in ("true", "false"):
            return None
        return self.plain(node, {value.start_byte: self.turned(node, value)})

    def change_match_pattern(self, node):
        """An arm's pattern and guard."""
        guard = node.child_by_field_name("condition")
        pattern = self.text[node.start_byte : guard.start_byte if guard else node.end_byte].decode()
        pattern = re.sub(r"\bif\s*$", "", pattern).strip()
        arms = [arm for arm in node.parent.parent.named_children if arm.type == "match_arm"]
        catch_all = re.fullmatch(r"(?!true|false)[a-z_]+", self.raw(arms[-1].child_by_field_name("pattern")))
        last = node.parent.start_byte == arms[-1].start_byte
        deleted = None if last or not (guard or catch_all) else self.mutant(node, f"without arm {short(self.raw(node))}")
        always = guard and self.mutant(node, f"always arm {short(self.raw(node))}")
        terms = [f"!{on(deleted)}"] if deleted else []
        if guard:
            condition = self.emit(guard)
            terms.append(marked(always, f"({on(always)} || ({condition}))") if always else f"({condition})")
        numbers = [n for n in (deleted, always) if n]
        return marked(numbers, pattern + (" if " + " && ".join(terms) if terms else "")) if numbers else None

    def change_array_expression(self, node):
        """`[value; length]`: the compiler computes the length."""
        length = node.child_by_field_name("length")
        return length and self.plain(node, {length.start_byte: self.raw(length)})

    def change_array_type(self, node):
        return self.raw(node)


def on(number):
    return f"crate::mutant::on({number})"


def marked(numbers, text):
    """Between comments from which the place of a compiler's error tells the mutants."""
    numbers = numbers if isinstance(numbers, list) else [numbers]
    mark = ",".join(map(str, numbers))
    return f"/*<{mark}*/{text}/*{mark}>*/"


def blamed(written, start, end):
    """The mutants whose text is the shortest around these bytes of a written source."""
    best, opened = None, []
    for mark in re.finditer(rb"/\*<([\d,]+)\*/|/\*([\d,]+)>\*/", written):
        if mark[1]:
            opened.append((mark.start(), mark[1]))
            continue
        began, numbers = opened.pop()
        if began <= start and end <= mark.end() and (best is None or mark.end() - began < best[0]):
            best = (mark.end() - began, numbers)
    return [int(number) for number in best[1].split(b",")] if best else []


def short(text):
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def arguments(text):
    """`A, B<C, D>` in its parts."""
    parts, depth, last = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "<([") - (letter in ")]" or letter == ">" and text[at - 1] != "-")
        if letter == "," and depth == 0:
            parts.append(text[last:at].strip())
            last = at + 1
    parts.append(text[last:].strip())
    return [part for part in parts if part and not part.startswith("'")]


def values_of(kind):
    """Values of a type, as Rust; where there is no telling, the default, which the compiler may refuse."""
    kind = " ".join(kind.split())
    if kind == "()":
        return ["()"]
    if kind == "!" or kind.startswith(("impl ", "dyn ")):
        return []
    if kind.startswith("("):
        return ["(" + ", ".join(each) + ",)" for each in itertools.product(*map(values_of, arguments(kind[1:-1])))][:FEW]
    if reference := re.fullmatch(r"&(?:'\w+ )?(mut )?(.*)", kind):
        inner = reference[2]
        if inner == "str":
            return ['""', '"xyzzy"']
        if slice_of := re.fullmatch(r"\[(\w.*)\]", inner):
            return ["&mut []" if reference[1] else "&[]"] + [f"Box::leak(Box::new([{v}]))" for v in values_of(slice_of[1])][:1]
        if inner == "Path":
            return ['std::path::Path::new("xyzzy")']
        return [f"Box::leak(Box::new({value}))" for value in values_of(inner)]
    if array := re.fullmatch(r"\[(.*); *(\w+)\]", kind):
        return [f"[{value}; {array[2]}]" for value in values_of(array[1])]
    named = re.fullmatch(r"(?:[\w]+::)*(\w+)(?:<(.*)>)?", kind)
    name, inner = (named[1], arguments(named[2] or "")) if named else (kind, [])
    of = lambda make: [make.format(value) for value in (values_of(inner[0]) if inner else ["Default::default()"])]
    if name == "bool":
        return ["true", "false"]
    if re.fullmatch(r"[ui](8|16|32|64|128|size)", name):
        return ["0", "1"] + (["-1"] if name[0] == "i" else [])
    if name in ("f32", "f64"):
        return ["0.0", "1.0", "-1.0"]
    simple = {
        "String": ["String::new()", '"xyzzy".into()'],
        "Option": ["None", *of("Some({})")],
        "Result": of("Ok({})"),
        "Vec": ["vec![]", *of("vec![{}]")],
        "Box": of("Box::new({})"),
        "Arc": of("std::sync::Arc::new({})"),
        "Rc": of("std::rc::Rc::new({})"),
        "Cow": [f"std::borrow::Cow::Owned({v})" for v in (['"xyzzy".to_owned()', "String::new()"] if "str" in inner else [])],
        "PathBuf": ["std::path::PathBuf::new()"],
        "Range": [f"{v}..{v}" for v in ("0", "1")],
    }
    return simple.get(name, ["Default::default()"])[: FEW + 1]
