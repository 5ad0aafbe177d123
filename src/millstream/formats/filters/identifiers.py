"""A token → the entity, key and part it names, by a vocabulary; refusals say what is valid and what is closest."""

from __future__ import annotations

from difflib import get_close_matches

from msgspec import Struct

from millstream.formats.filters.lexer import Source, Token, shorten
from millstream.formats.filters.vocabulary import ANY, Entity, Field, Vocabulary
from millstream.values.errors import InvalidValue


class Named(Struct, frozen=True):
    """What a token names: an entity, a canonical key of it with its rules, and a part; see `Comparison`."""

    entity: Entity
    key: str
    field: Field
    part: str = ""
    bare: bool = False


def resolve(source: Source, token: Token, vocabulary: Vocabulary, *, sorting: bool = False) -> Named:
    """What `token` names, else InvalidValue."""
    entity, key, part = _split(source, token, vocabulary)
    key = entity.aliases.get(key, key)
    field = entity.field(key)
    if field is None or not (field.sorts if sorting else field.comparators):
        raise _unknown_key(token, entity, key, sorting, vocabulary)
    if part and part not in entity.parts:
        valid = f"Valid are {', '.join(entity.parts)}." if entity.parts else "Only metrics have parts."
        raise source.error(token.position, f"{shorten(token.text)} names an unknown part {part!r}", valid)
    before, dot, last = key.rpartition(".")
    if dot and before and last in entity.parts and token.text.endswith(f".{last}"):
        return Named(entity, before, field, last, bare=True)
    return Named(entity, key, field, part)


def _split(source: Source, token: Token, vocabulary: Vocabulary) -> tuple[Entity, str, str]:
    if token.kind in ("word", "quoted", "string"):
        if token.text.startswith("'"):
            raise source.error(
                token.position, f"{token.shown()} is a string where a key is expected", "Start with the key."
            )
        return vocabulary.attribute, token.text if token.kind == "word" else token.content, ""
    if token.kind != "name":
        raise source.error(
            token.position, f"expected a key, found {token.shown()}", "Write entity.key comparator value."
        )
    prefix, key, part = _parts(token.text)
    entity = vocabulary.entity(prefix)
    if entity is None:
        valid = [word for known in vocabulary.entities for word in known.prefixes]
        raise InvalidValue(
            f"Invalid entity type {shorten(prefix)} at character {token.position + 1}. "
            f"Valid values are {', '.join(valid)}.{_hint(prefix, valid)}"
        )
    if not key:
        raise source.error(token.position, f"an empty key after {prefix!r}")
    return entity, key, part


def _parts(text: str) -> tuple[str, str, str]:
    """``entity.key`` without quotes, and the part after a quoted key; a dot inside a quoted entity does not split."""
    if text.startswith("`"):
        prefix, _, key = text[1:].partition("`.")
    else:
        prefix, _, key = text.partition(".")
    if key[:1] not in ("`", '"'):
        return prefix, key, ""
    key, _, part = key[1:].rpartition(key[0])
    return prefix, key, part.removeprefix(".")


def _unknown_key(token: Token, entity: Entity, key: str, sorting: bool, vocabulary: Vocabulary) -> InvalidValue:
    valid = entity.keys(sorting=sorting)
    place = f"at character {token.position + 1}"
    if not valid or valid == [ANY]:
        return InvalidValue(
            f"Invalid order_by key {shorten(token.text)} {place}: "
            f"{vocabulary.name} cannot be sorted by a {entity.name}."
        )
    return InvalidValue(
        f"Invalid {entity.name} key {shorten(key)} specified {place}. "
        f"Valid keys are {', '.join(valid)}.{_hint(key, [*valid, *entity.aliases])}{_missing_prefix(token, vocabulary)}"
    )


def _hint(word: str, valid: list[str]) -> str:
    close = get_close_matches(word, valid, n=1) or get_close_matches(word.lower(), valid, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _missing_prefix(token: Token, vocabulary: Vocabulary) -> str:
    """A key without a prefix is most often a metric or param whose prefix was forgotten."""
    free = [entity.prefixes[-1] for entity in vocabulary.entities if ANY in entity.fields]
    if token.kind == "name" or not free:
        return ""
    return " Other keys need a prefix: " + ", ".join(f"{prefix}.…" for prefix in free) + "."
