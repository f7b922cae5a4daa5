"""Globs without a separator: the pattern language of deploy and cleanup policies.

`*` crosses `/`; `?` is one character; `[abc]`, `[a-z]`, `[!abc]`; `{a,b}` nests; a backslash escapes. The matcher
walks the name once and holds all positions of the pattern in the bits of one number, so that no pattern, however
it was written, makes it run long. It refuses to guess: a pattern it can't read is an `InvalidGlob`.
"""

from dataclasses import dataclass
from functools import lru_cache

from chalicelib.core.errors import Rejected

MAX_GLOB_LENGTH = 1000
MAX_BRACE_DEPTH = 16
MAX_KEPT_CLOSURES = 4096


class InvalidGlob(Rejected):
    """The pattern can't be read; the message says where it breaks."""


@dataclass(frozen=True, slots=True)
class CharacterClass:
    """`[a-z]`: some ranges of characters, or all but these."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def has(self, character: str) -> bool:
        """Whether the class holds `character`."""
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


ANY = CharacterClass((), negated=True)


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern. Its positions are bits: `steps[i]` eats one character and goes to i + 1, a star stays or goes
    to i + 1 without eating, and `jumps[i]` are the positions that a brace leads to without eating.
    """

    steps: dict[int, CharacterClass]
    stars: int
    jumps: dict[int, int]
    length: int

    def matches(self, name: str) -> bool:
        """Whether the whole `name` fits."""
        forks = sum(1 << position for position in self.jumps)
        masks: dict[str, int] = {}
        closures: dict[int, int] = {}
        active = self._closure(1, forks)
        for character in name:
            if character not in masks:
                masks[character] = self._mask(character)
            reached = ((active & masks[character]) << 1) | (active & self.stars)
            if not reached:
                return False
            if reached not in closures:
                if len(closures) > MAX_KEPT_CLOSURES:
                    closures.clear()
                closures[reached] = self._closure(reached, forks)
            active = closures[reached]
        return bool(active >> self.length & 1)

    def _mask(self, character: str) -> int:
        return sum(1 << position for position, step in self.steps.items() if step.has(character))

    def _closure(self, active: int, forks: int) -> int:
        followed = 0
        while True:
            active |= (active & self.stars) << 1
            pending = active & forks & ~followed
            if not pending:
                return active | (active & self.stars) << 1
            followed |= pending
            while pending:
                bit = pending & -pending
                active |= self.jumps[bit.bit_length() - 1]
                pending ^= bit


class _Compiler:
    """One pass over a pattern; recursion only into braces, `MAX_BRACE_DEPTH` deep."""

    def __init__(self, pattern: str, *, literal_brackets: bool) -> None:
        self.pattern = pattern
        self.literal_brackets = literal_brackets
        self.at = 0
        self.next = 0
        self.steps: dict[int, CharacterClass] = {}
        self.stars = 0
        self.jumps: dict[int, int] = {}

    def glob(self) -> Glob:
        if len(self.pattern) > MAX_GLOB_LENGTH:
            raise InvalidGlob(f"the pattern is longer than {MAX_GLOB_LENGTH} characters")
        self._sequence(depth=0)
        return Glob(self.steps, self.stars, self.jumps, self.next)

    def _sequence(self, depth: int) -> None:
        while self.at < len(self.pattern):
            character = self.pattern[self.at]
            if depth and character in ",}":
                return
            self.at += 1
            if character == "*":
                self._star()
            elif character == "?":
                self._eat(ANY)
            elif character == "[" and not self.literal_brackets:
                self._eat(self._character_class())
            elif character == "{":
                self._braces(depth + 1)
            else:
                self._eat(_exactly(self._escaped() if character == "\\" else character))

    def _star(self) -> None:
        while self.pattern.startswith("*", self.at):
            self.at += 1
        self.stars |= 1 << self.next
        self.next += 1

    def _eat(self, step: CharacterClass) -> None:
        self.steps[self.next] = step
        self.next += 1

    def _escaped(self) -> str:
        if self.at >= len(self.pattern):
            raise InvalidGlob(f"{self.pattern!r} ends in a backslash that escapes nothing")
        self.at += 1
        return self.pattern[self.at - 1]

    def _braces(self, depth: int) -> None:
        if depth > MAX_BRACE_DEPTH:
            raise InvalidGlob(f"{self.pattern!r} nests braces deeper than {MAX_BRACE_DEPTH}")
        opened, fork, starts, ends = self.at, self.next, [], []
        self.next += 1
        while True:
            starts.append(self.next)
            self._sequence(depth)
            ends.append(self.next)
            self.next += 1
            if self.at >= len(self.pattern):
                raise InvalidGlob(f"{self.pattern!r} opens a brace at character {opened} and never closes it")
            self.at += 1
            if self.pattern[self.at - 1] == "}":
                break
        self.jumps[fork] = sum(1 << start for start in starts)
        self.jumps.update(dict.fromkeys(ends, 1 << self.next))

    def _character_class(self) -> CharacterClass:
        opened = self.at
        negated = self.pattern.startswith("!", self.at)
        self.at += negated
        ranges: list[tuple[str, str]] = []
        while not self.pattern.startswith("]", self.at):
            low = self._class_character(opened)
            high = low
            if self.pattern.startswith("-", self.at) and not self.pattern.startswith("-]", self.at):
                self.at += 1
                high = self._class_character(opened)
            if high < low:
                raise InvalidGlob(f"{self.pattern!r} has the range {low}-{high}, which is the wrong way round")
            ranges.append((low, high))
        self.at += 1
        if not ranges:
            raise InvalidGlob(f"{self.pattern!r} has an empty class at character {opened}")
        return CharacterClass(tuple(ranges), negated)

    def _class_character(self, opened: int) -> str:
        if self.at >= len(self.pattern):
            raise InvalidGlob(f"{self.pattern!r} opens a bracket at character {opened} and never closes it")
        self.at += 1
        character = self.pattern[self.at - 1]
        return self._escaped() if character == "\\" else character


def _exactly(character: str) -> CharacterClass:
    return CharacterClass(((character, character),), negated=False)


@lru_cache(maxsize=512)
def compile_glob(pattern: str, *, literal_brackets: bool = False) -> Glob:
    """Compile `pattern`; under `literal_brackets`, `[` and `]` mean themselves (commit messages).

    Raises:
        InvalidGlob: it can't be read, is too long, or nests too deep.
    """
    return _Compiler(pattern, literal_brackets=literal_brackets).glob()


def matches(pattern: str, name: str) -> bool:
    """Whether `name` fits `pattern`; each leading `!` turns the answer round, exactly.

    Raises:
        InvalidGlob: the pattern can't be read.
    """
    plain = pattern.lstrip("!")
    negated = (len(pattern) - len(plain)) % 2 == 1
    return compile_glob(plain).matches(name) is not negated


def check_glob(pattern: str, *, literal_brackets: bool = False) -> str:
    """What is wrong with `pattern`, in words; empty when nothing is."""
    try:
        compile_glob(pattern if literal_brackets else pattern.lstrip("!"), literal_brackets=literal_brackets)
    except InvalidGlob as error:
        return error.message
    return ""
