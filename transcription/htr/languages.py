"""Names of languages and their BCP-47 tags: what people type in a catalogue, and what PAGE XML calls it."""

from __future__ import annotations

import re
import unicodedata

# ISO 639-1 code, PAGE XML's (English) name, then what else people call it: in French, in the language itself.
_TABLE = """
aa Afar|ab Abkhaz|ae Avestan|af Afrikaans|ak Akan|am Amharic|an Aragonese|ar Arabic,arabe,العربية|as Assamese
av Avaric|ay Aymara|az Azerbaijani|ba Bashkir|be Belarusian,biélorusse|bg Bulgarian,bulgare,български|bh Bihari
bi Bislama|bm Bambara|bn Bengali|bo Tibetan|br Breton,brezhoneg|bs Bosnian|ca Catalan,català|ce Chechen
ch Chamorro|co Corsican,corse|cr Cree,cri|cs Czech,tchèque,čeština|cu Old Church Slavonic,vieux slave|cv Chuvash
cy Welsh,gallois,cymraeg|da Danish,danois,dansk|de German,allemand,Deutsch|dv Divehi|dz Dzongkha|ee Ewe
el Greek,grec,ελληνικά|en English,anglais|eo Esperanto|es Spanish,espagnol,español,castellano
et Estonian,estonien,eesti|eu Basque,euskara|fa Persian,persan,فارسی|ff Fula|fi Finnish,finnois,suomi|fj Fijian
fo Faroese,føroyskt|fr French,français|fy Western Frisian,frison,Frysk|ga Irish,irlandais,Gaeilge
gd Gaelic,Scottish Gaelic,gaélique,Gàidhlig|gl Galician,galego|gn Guaraní|gu Gujarati|gv Manx|ha Hausa
he Hebrew,hébreu,עברית|hi Hindi|ho Hiri Motu|hr Croatian,croate,hrvatski
ht Haitian,Haitian Creole,créole haïtien|hu Hungarian,hongrois,magyar|hy Armenian,arménien,հայերեն|hz Herero
ia Interlingua|id Indonesian,indonésien|ie Interlingue|ig Igbo|ii Nuosu|ik Inupiaq|io Ido
is Icelandic,islandais,íslenska|it Italian,italien,italiano|iu Inuktitut|ja Japanese,japonais,日本語|jv Javanese
ka Georgian,géorgien|kg Kongo|ki Kikuyu|kj Kwanyama|kk Kazakh|kl Kalaallisut,Greenlandic,groenlandais
km Khmer,Cambodian|kn Kannada|ko Korean,coréen,한국어|kr Kanuri|ks Kashmiri|ku Kurdish|kv Komi|kw Cornish|ky Kyrgyz
la Latin,latina|lb Luxembourgish,luxembourgeois,Lëtzebuergesch|lg Ganda|li Limburgish|ln Lingala|lo Lao
lt Lithuanian,lituanien,lietuvių|lu Luba-Katanga|lv Latvian,letton,latviešu|mg Malagasy,malgache|mh Marshallese
mi Māori|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay,malais|mt Maltese,maltais,Malti|my Burmese
na Nauru|nb Norwegian Bokmål,bokmål|nd North Ndebele|ne Nepali|ng Ndonga|nl Dutch,néerlandais,Nederlands
nn Norwegian Nynorsk,nynorsk|no Norwegian,norvégien,norsk|nr South Ndebele|nv Navajo|ny Chichewa|oc Occitan
oj Ojibwe|om Oromo|or Oriya|os Ossetian|pa Panjabi,Punjabi|pi Pāli|pl Polish,polonais,polski|ps Pashto
pt Portuguese,portugais,português|qu Quechua|rm Romansh,romanche,rumantsch|rn Kirundi|ro Romanian,roumain,română
ru Russian,russe,русский|rw Kinyarwanda|sa Sanskrit|sc Sardinian,sarde|sd Sindhi|se Northern Sami|sg Sango
si Sinhala|sk Slovak,slovaque,slovenčina|sl Slovene,Slovenian,slovène,slovenščina|sm Samoan|sn Shona|so Somali
sq Albanian,albanais,shqip|sr Serbian,serbe,српски|ss Swati|st Southern Sotho|su Sundanese
sv Swedish,suédois,svenska|sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai|ti Tigrinya|tk Turkmen|tl Tagalog
tn Tswana|to Tonga|tr Turkish,turc,Türkçe|ts Tsonga|tt Tatar|tw Twi|ty Tahitian|ug Uighur
uk Ukrainian,ukrainien,українська|ur Urdu|uz Uzbek|ve Venda|vi Vietnamese|vo Volapük|wa Walloon|wo Wolof
xh Xhosa|yi Yiddish,ייִדיש|yo Yoruba|za Zhuang|zh Chinese,chinois,中文|zu Zulu
"""
# ISO 639-2 and 639-3 codes that catalogues hold, of languages which BCP-47 names by two letters.
_THREE_LETTERS = dict(
    pair.split(":")
    for pair in """
    eng:en fra:fr fre:fr deu:de ger:de lat:la ita:it spa:es por:pt nld:nl dut:nl dan:da swe:sv nor:no nob:nb
    nno:nn fin:fi isl:is ice:is gle:ga gla:gd cym:cy wel:cy bre:br cat:ca oci:oc eus:eu baq:eu glg:gl pol:pl
    ces:cs cze:cs slk:sk slo:sk slv:sl hrv:hr srp:sr hun:hu ron:ro rum:ro ell:el gre:el rus:ru ukr:uk bul:bg
    lit:lt lav:lv est:et ltz:lb heb:he yid:yi ara:ar fas:fa per:fa tur:tr hye:hy arm:hy kal:kl iku:iu zho:zh
    chi:zh jpn:ja kor:ko
    """.split()  # noqa: SIM905 as a list it would be 60 lines
)
# Tags of three letters only, by what people call them; their PAGE name is "other".
_OLDER = {
    "ang": ("Old English", "vieil anglais"),
    "enm": ("Middle English", "moyen anglais"),
    "frm": ("Middle French", "moyen français"),
    "fro": ("Old French", "ancien français"),
    "gmh": ("Middle High German", "moyen haut allemand"),
    "gml": ("Middle Low German", "moyen bas allemand"),
    "dum": ("Middle Dutch", "moyen néerlandais"),
    "grc": ("Ancient Greek", "grec ancien"),
    "sco": ("Scots", "écossais"),
}
_ROWS = [row.split(" ", 1) for line in _TABLE.split("\n") for row in line.split("|") if row]
_NAMES = {code: tuple(names.split(",")) for code, names in _ROWS} | _OLDER
_TAG = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{1,8})*", re.IGNORECASE)


def _folded(name: str) -> str:
    """``name`` without case, accents and white space at its ends."""
    plain = unicodedata.normalize("NFD", " ".join(name.split()).casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


_CODES = {_folded(name): code for code, names in _NAMES.items() for name in names}
COMMON = ("en", "fr", "de", "la", "nl", "es", "it", "pt", "da", "sv", "no", "ga", "cy")


def language_tag(text: str) -> str:
    """The BCP-47 tag of what somebody typed: a tag, an ISO 639 code, or a name in English, in French or in the
    language itself. Empty when it is none of them."""
    name = _folded(text)
    if name in _CODES:
        return _CODES[name]
    if not _TAG.fullmatch(text.strip()):
        return ""
    language, *rest = re.split("[-_]", text.strip().lower())
    language = _THREE_LETTERS.get(language, language)
    if len(language) == 2 and language not in _NAMES:
        return ""
    return "-".join([language, *map(_subtag, rest)])


def language_name(tag: str) -> str:
    """PAGE XML's name for a tag's language, "other" where it has none; empty for no tag."""
    language = tag.split("-", 1)[0]
    if not language:
        return ""
    return _NAMES[language][0] if len(language) == 2 and language in _NAMES else "other"


def _subtag(subtag: str) -> str:
    """In the case BCP-47 recommends: a script "Latn", a region "GB", the rest small."""
    if len(subtag) == 4 and subtag.isalpha():
        return subtag.title()
    return subtag.upper() if len(subtag) == 2 else subtag
