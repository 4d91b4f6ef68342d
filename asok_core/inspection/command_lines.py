"""Parts of a command line that a shell reads as they are meant, whatever a name holds."""

from __future__ import annotations

from shlex import quote


def operands(*values: str) -> str:
    """Positional arguments. One that begins with a dash is kept from being an option."""
    dashes = ["--"] if any(each.startswith("-") and each != "-" for each in values) else []
    return " ".join([*dashes, *map(shell_word, values)])


def option(name: str, value: str) -> str:
    """An option with its value, which may begin with a dash."""
    return f"{name}{'=' if value.startswith('-') else ' '}{shell_word(value)}"


def shell_word(value: str) -> str:
    """One word for bash, zsh or ksh, in characters that a terminal shows."""
    if value.isprintable():
        return quote(value)
    # Quotes keep a control character as it is, and no terminal may be sent one.
    return "$'" + "".join(map(_escaped, value)) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    # Octal digits end after three: what follows cannot be taken for a part of them.
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
