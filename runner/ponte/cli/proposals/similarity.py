"""How likely two names mean the same field: by letters, and by words that business systems use for the same thing."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import cache

_CONCEPTS = {
    "code": "code cod codice sku itemno artno artnr",
    "name": "name nome des desc descr descrizione description title titolo bezeichnung ragione denominazione",
    "price": "price prezzo prz listino preis prix pvp",
    "stock": "stock giacenza giac qty qta quantity quantita esistenza bestand disponibilita",
    "email": "email mail posta pec",
    "phone": "phone tel telefono telephone telefon mobile cell",
    "city": "city citta localita comune ort town",
    "zip": "zip cap postcode postal plz",
    "street": "street indirizzo address via strasse",
    "country": "country nazione paese land stato",
    "vat": "vat piva partitaiva iva ustid",
    "category": "category categoria cat gruppo group famiglia",
    "changed": "updated modified changed modificato datamod aggiornato variato",
    "created": "created creato inserito",
    "unit": "unit um umis misura",
    "weight": "weight peso gewicht",
    "discount": "discount sconto rabatt",
    "customer": "customer cliente cli kunde client",
    "order": "order ordine ord auftrag",
    "date": "date data datum dat",
    "number": "number numero num nr no",
    "barcode": "barcode ean gtin",
    "active": "active attivo enabled",
}
_BY_WORD = {word: concept for concept, words in _CONCEPTS.items() for word in words.split()}
_BY_WORD |= dict.fromkeys(
    ("item", "art", "articolo", "article", "product", "prodotto", "field", "fld", "at", "on"), ""
)  # says little
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_ALIKE = 0.75
BY_WORDS = 0.8
"""What names of the same meaning and other letters come to; equal names come to 1."""
_WITHIN = 0.65
"""What comes to a name that is wholly in the other one: price in UnitPrice."""


def similarity(one: str, other: str) -> float:
    """From 0 to 1; 1 only for names that differ in nothing but case, marks and accents."""
    first, second = _plain(one), _plain(other)
    if first == second:
        return 1.0
    mine, theirs = _meaning(one), _meaning(other)
    by_letters = difflib.SequenceMatcher(None, first, second).ratio()
    by_words = BY_WORDS * len(mine & theirs) / len(mine | theirs) if mine & theirs else 0.0
    if mine and theirs and (mine < theirs or theirs < mine):
        by_words = max(by_words, _WITHIN + by_letters / 100)  # of several the nearest by its letters
    return max(by_words, by_letters * 0.9 if by_letters >= _ALIKE else 0.0)


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in decomposed if character.isalnum())


@cache
def _meaning(name: str) -> frozenset[str]:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    found = {concept for word in _WORD.findall(ascii_name) for concept in _concepts(word.lower())}
    return frozenset(found - {""}) or frozenset(found)


def _concepts(word: str) -> set[str]:
    """Those of a word, or of the two that it is made of: ARTCOD is art and cod."""
    if word in _BY_WORD:
        return {_BY_WORD[word]}
    for cut in range(2, len(word) - 1):
        if word[:cut] in _BY_WORD and word[cut:] in _BY_WORD:
            return {_BY_WORD[word[:cut]], _BY_WORD[word[cut:]]}
    return {word}
