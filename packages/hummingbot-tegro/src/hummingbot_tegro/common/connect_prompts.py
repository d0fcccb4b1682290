"""What `connect` asks for. Hummingbot reads it to list its exchanges, so it stays light."""

from typing import Any

from pydantic import Field


def ask(prompt: str, *, is_secure: bool = True) -> Any:  # noqa: ANN401  (pydantic's own return type of Field)
    """Return a field of a config map that `connect` asks for.

    Parameters
    ----------
    prompt
        The question; the client appends " >>> ".
    is_secure
        Whether the answer is hidden while it is typed, and encrypted on disk.
    """
    return Field(
        default=...,
        json_schema_extra={
            "prompt": prompt,
            "is_secure": is_secure,
            "is_connect_key": True,
            "prompt_on_new": True,
        },
    )
