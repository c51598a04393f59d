"""Talk: an engine that answers instead of reading. It refuses, introduces its answer, comments on it or repeats what it
was asked.

Letters say "I cannot come" and "I am sorry", so no such phrase counts by itself: it takes what only a machine says, or
what it says of its task (an image, a transcription, a request). All patterns are matched on ``folding.plain`` text.
"""

# ruff: noqa: E501 (one pattern a line: broken up, they cannot be read or compared)

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from transcription.htr.checks.folding import plain, quoted, shortened, words_only

LEAST_LEAKED = 6  # words in a row that a reading shares with a prompt
LEAST_LEAKED_WHOLE = 5  # the same, of a reading that holds hardly anything else

_TASK = r"(?:images?|transcri\w+|ocr|pixels?|uploaded|attachments?|screenshots?|pdf|cursive|handwritten)"
_THING = rf"(?:{_TASK}|handwriting|text|document|picture|photo\w*|scan|request|content|file|input)"
_CANNOT = (
    r"(?:can ?not|can't|could ?n[o']t|couldn't|(?:am|are|is|was|'m|'re) ?(?:not able|unable)(?: to)?|unable to|"
    r"not able to|won't|will not be able to|don't have the ability to)"
)
_READ = (
    r"(?:transcribe|read|view|see|process|access|analy[sz]e|interpret|decipher|discern|identify|recogni[sz]e|extract|"
    r"provide|make out|determine|assist|help|comply|fulfil+|complete|generate|display|open|detect|find)"
)

_REFUSALS = [
    # what only a machine says of itself
    r"\bas an? (?:large |visual |multimodal )*(?:ai|language model|artificial intelligence)\b",
    r"\bi(?:'m| am) (?:just |only )?an? (?:ai|large language model|language model)\b",
    r"\b(?:en tant qu'|je suis une? )(?:ia\b|intelligence artificielle|modèle de langage|assistant)",
    r"\bals (?:ki|künstliche intelligenz|sprachmodell)\b",
    r"\bcomo (?:ia|modelo de lenguaje|inteligencia artificial)\b",
    rf"{_CANNOT} (?:\w+ ){{0,2}}(?:assist|help|comply) (?:you )?with (?:that|this|your|the)\b(?: (?:{_THING}|task))?",
    rf"{_CANNOT} (?:\w+ ){{0,3}}{_READ} (?:\w+ ){{0,6}}{_TASK}\b",
    rf"\b(?:sorry|apologi[sz]e|apologies|unfortunately)\b.{{0,40}}{_CANNOT} (?:\w+ ){{0,3}}{_READ}\b.{{0,60}}\b{_THING}\b",
    rf"{_CANNOT} (?:\w+ ){{0,3}}(?:transcribe|decipher|process|extract|interpret) (?:\w+ ){{0,5}}{_THING}\b",
    rf"{_CANNOT} (?:\w+ ){{0,2}}(?:read|make out|see) (?:any|the|this) (?:\w+ )?(?:text|content|handwriting) (?:in|on|from)\b",
    r"\bi (?:do not|don't|can't|cannot) see (?:any|an|the) (?:\w+ )?(?:text|image|handwriting|attachment)\b",
    rf"\b(?:this|the|your) (?:\w+ )?{_TASK}(?: provided| quality| text)? (?:is|are|was|appears?|seems?)(?: to be)?(?: (?:too|very|entirely|completely|quite))? "
    r"(?:blurr?\w*|blank|illegible|unclear|unreadable|empty|not (?:legible|clear|readable)|low|faint|dark|poor|cut off|corrupt\w*)",
    r"\b(?:this|the) (?:text|handwriting|writing|line|document)(?: in the image)? (?:is|appears|seems)(?: to be)?(?: (?:too|very|entirely|completely))? "
    r"(?:blurr?\w*|illegible|unreadable|not legible|not readable|indecipherable|difficult to read|hard to read)",
    r"\bno (?:legible|visible|readable|discernible|recogni[sz]able|handwritten|detectable) (?:\w+ )?(?:text|writing|handwriting|words|content)\b",
    r"\b(?:there is|contains|found|detected) no (?:\w+ )?text\b|\bno text (?:is |was )?(?:visible|found|detected|present|provided|available|to transcribe)",
    r"\bno image (?:was |is )?(?:provided|attached|uploaded|found)",
    r"\b(?:please|kindly|could you|can you) (?:\w+ )?(?:provide|upload|share|supply|attach|send) (?:\w+ ){0,5}(?:image|clearer|higher[- ]|resolution|text you)",
    r"\b(?:violates?|against) (?:\w+ )?(?:content )?(?:policy|policies|guidelines)\b",
    r"\bi (?:must|have to) (?:decline|refuse) to (?:transcribe|answer|assist|provide)",
    # French
    r"\b(?:je suis |suis )?désolée?s?,? (?:mais )?(?:je|il m'est|nous) .{0,20}(?:peux|puis|suis|impossible|pouvons)\b.{0,40}"
    r"\b(?:lire|transcrire|déchiffrer|aider|voir|traiter|fournir|répondre|image|texte|demande)",
    r"\bje ne (?:peux|suis) pas .{0,30}\b(?:transcrire|déchiffrer|lire|voir|traiter|analyser|accéder|fournir)\b.{0,40}\b(?:images?|transcription|manuscrite?|document|photo|texte)\b",
    r"\bje ne vois (?:pas|aucune?) (?:d'image|de texte|image|texte)",
    r"\bl'(?:image|écriture)(?: fournie)? (?:est|semble|paraît)(?: être)?(?: (?:trop|très|vraiment|complètement))? (?:floue|illisible|vide|blanche|sombre|indéchiffrable)",
    r"\baucun texte (?:\w+ )?(?:lisible|visible|n'|détecté|trouvé|présent)|\ble texte est (?:illisible|trop flou)",
    r"\bveuillez (?:me )?(?:fournir|télécharger|envoyer) .{0,30}\b(?:image|qualité|résolution|lisible)",
    # other tongues that models fall into
    r"\b(?:tut mir leid|entschuldigung),? .{0,20}\bich kann\b|\bich kann (?:das|den|dies\w*) (?:bild|text|handschrift)\w* .{0,20}nicht\b",
    r"\blo siento,? (?:pero )?no (?:puedo|me es posible|tengo)\b|\bno puedo (?:leer|transcribir|ver|procesar|ayudar)\w* .{0,30}\b(?:imagen|texto|solicitud|con)\b",
    r"\bmi dispiace,? (?:ma )?non (?:posso|riesco)\b|\bhet spijt me,? (?:maar )?ik kan\b|\bdesculpe,? (?:mas )?não (?:posso|consigo)\b",
]

_CHATTER = [
    r"^(?:sure|certainly|of course|absolutely|okay|ok|great|alright|no problem|yes)[!,.:]+ ?(?:thing[!,.]? )?(?:here|i(?:'ll|'d| can| will| have|'ve)|let me|let's|the (?:text|image|line|handwrit\w+|transcri\w+)|so|this|below)\b",
    r"\bhere(?:'s| is| are) (?:the|a|my|your|what)\b.{0,40}\b(?:transcri\w+|text|line|handwriting|reads?|says|content|output|result|image|translation|page|can see|make out)\b",
    r"\b(?:below|following) is (?:the|a|my) (?:\w+ )?(?:transcri\w+|text|translation)\b",
    r"\bthe (?:\w+ )?(?:text|line|handwriting|handwritten text|transcri\w+|image|note|word|sentence|writing)(?: (?:in|on|from|of) (?:the|this) (?:image|line|picture|page|photo))? "
    r"(?:reads|says|is|states|shows|appears to (?:read|say|be)|seems to (?:read|say|be)|would be|can be read as)(?: as follows| something like)?\s*[:\"]",
    r"\bthe (?:\w+ )?(?:handwritten|transcribed|transcription|cursive) (?:text|line|note|words?)?\b.{0,20}\b(?:reads|says|is|states|shows|appears|seems)\b",
    r"\b(?:it|this|line|image) (?:reads|says|appears to (?:read|say)|seems to (?:read|say))\s*:",
    r"^(?:\W*)(?:transcription|transcript|transcribed text|handwritten text|extracted text|recogni[sz]ed text|ocr(?: (?:text|output|result))?|output|final answer|final transcription|texte transcrit|texte manuscrit|transcripción|transkription|trascrizione|translation|english translation|modern english|in modern english|traduction|traducción|übersetzung)(?: of (?:the|this) \w+)?(?:\s*\([^)]{0,40}\))?\W{0,3}\s?:",
    r"[\(\[](?:note|translation|translated|transcriber'?s? note|traduction|remarque)\b\s*:|\bnote: .{0,80}\b(?:transcri\w+|illegible|spelling|handwrit\w+|image|original|preserved|unclear|legible)",
    r"\bi(?:'ve| have) (?:\w+ )?(?:transcribed|preserved the|corrected the (?:spelling|text)|translated|kept the original|maintained the|marked (?:the )?(?:unclear|illegible))",
    r"\b(?:my|a) best (?:guess|attempt|interpretation|effort) (?:at|of|based|to|given|for)\b|\bbest (?:guess|attempt|interpretation) (?:at|of) (?:the|this) (?:text|line|handwriting|transcri\w+)",
    r"\b(?:based on|looking at|judging by|examining|analy[sz]ing) (?:the|this) (?:\w+ )?(?:image|handwriting|text|line|picture|visible|cursive)\b",
    r"\b(?:this|the) image (?:shows|contains|depicts|displays|features|appears|seems|is|has|provided)\b",
    r"\b(?:this|it) (?:appears|seems|looks)(?: like)?(?: to be)? (?:a|an|the|some) (?:\w+ ){0,3}(?:handwritten|handwriting|cursive|image|historical document|old letter|text in)",
    r"\blet me (?:try to |carefully |now )?(?:transcribe|look (?:at|more)|analy[sz]e|examine|zoom|read (?:the|this) (?:image|text|line|handwriting))",
    r"\b(?:the user|user) (?:wants|asked|is asking|has provided|provided|needs)\b|\bwe (?:need|have) to (?:transcribe|output|produce)\b|\bi (?:need|will|'ll|should|'m going) (?:to )?(?:now )?(?:transcribe|output)\b",
    r"\bso the (?:line|text|transcription) (?:is|reads|would be|should be)\b|\b(?:first|next) word (?:is|looks|seems|appears|could be)\b",
    r"\b(?:i )?hope (?:this|that) helps\b|\bis there anything else (?:i|you)\b|\bwould you like me to (?:translate|transcribe|continue|explain|try)",
    r"\b(?:let me know|feel free|please let me know)\b.{0,60}\b(?:transcri\w+|image|translation|clarif\w+|adjust\w*|further assistance|help with|questions|another)\b",
    r"\bif you(?:'d| would)? (?:like|need|have|want),? .{0,40}\b(?:transcri\w+|image|translation|clarif\w+|further assistance)\b",
    r"\b(?:this|which|it) (?:roughly )?translates (?:to|as|roughly)\b|\bin english,? this (?:means|says|reads)\b",
    r"\b(?:the )?spelling(?: and \w+)? (?:has|have|is|are|was|were) (?:been )?(?:preserved|kept|retained|modernized|corrected)\b",
    # French
    r"^(?:bien sûr|d'accord|certainement|voilà|très bien)[!,.: ]+(?:voici|je vais|le texte)|\bvoici (?:la|le|une|ce que|votre) .{0,30}\b(?:transcription|texte|ligne|lis|contenu|traduction|image)\b",
    r"\b(?:le|la) (?:texte|ligne|phrase|transcription)(?: (?:manuscrite?|transcrite?))?(?: (?:de|dans|sur) (?:l'image|cette image|la ligne))? (?:dit|indique|est|se lit|semble (?:dire|être)|lit)(?: comme suit)?\s*[:\"]",
    r"\b(?:l'image|cette image) (?:montre|contient|présente|semble|représente|est)\b|\bn'hésitez pas à (?:me|demander)\b|\bj'espère que cela (?:vous )?aide",
    r"\bj'ai (?:transcrit|conservé l'orthographe|respecté l'orthographe|corrigé l'orthographe|traduit)",
    r"\bhier ist (?:die|der|das) .{0,20}(?:transkription|text|übersetzung)|\baquí (?:está|tiene) (?:la|el) (?:transcripción|texto|traducción)|\becco (?:la|il) (?:trascrizione|testo|traduzione)",
]

_PROMPTS = [
    # the frames of chats
    r"<\|[a-z_]{2,24}\|>|\[/?inst\]|<</?sys>>|</?s>|<start_of_turn>|<end_of_turn>|<(?:image|img|eos|bos|pad|unk|im_patch|image_pad)(?:_?\d+)?>|</think>|<think>",
    r"^\W*(?:user|assistant|system|human|model)\s*:|###\s*(?:instruction|response|input|assistant|human|user)",
    r"\b(?:assistant|human|user|system):\s",
    # what prompts for transcribing say
    r"\byou are (?:an? )?(?:helpful|expert|assistant|ai|professional|skilled|palaeograph\w+|paleograph\w+|experienced|transcri\w+)\b.{0,60}\b(?:assistant|transcri\w+|palaeograph\w+|paleograph\w+|ocr|handwrit\w+|archivist)\b",
    r"\btu es (?:un )?(?:expert|assistant|paléographe)\b|\bvous êtes (?:un )?(?:assistant|expert en|paléographe)\b",
    r"\b(?:transcribe|transcrivez|transcris|read|extract) (?:the|this|all|exactly|exactement|fidèlement|every|only|la|le|cette|ce|tout|text|word)\b.{0,60}\b(?:image|handwrit\w+|text|line|page|exactly|manuscrite?|texte|ligne|écriture|as (?:it is )?written)\b",
    r"\b(?:do not|don't|never|without|ne) (?:add|include|correct|moderni[sz]e|translate|explain|output|provide|use|write|normali[sz]e|expand|adding|ajoute\w*|corrige\w*|modernise\w*|tradui\w+)\b.{0,60}"
    r"\b(?:comments?|commentary|spelling|explanations?|text|markup|markdown|anything|punctuation|abbreviations?|notes?|translation|formatting|orthographe|commentaires?|rien|explications?)\b",
    r"\b(?:preserve|keep|maintain|retain|respect|conserve[rz]?|respecte[rz]?) (?:the |all |l'|la )?(?:original |writer's |exact |old |historical )*(?:spelling|punctuation|capitali[sz]ation|line breaks|orthographe|ponctuation)\b",
    r"\b(?:return|output|respond|reply|answer|write|give|provide) (?:only|just|with only|nothing but|only with|with nothing but)\b.{0,40}\b(?:transcri\w+|text|line|json|words)\b",
    r"\b(?:mark|write|put|use|replace) (?:\w+ ){0,4}(?:\[unclear\]|\[illegible\])|\[unclear\] (?:directly |right )?(?:after|for|if|where|when)\b|\bmark (?:any |an |all |each )?(?:unclear|illegible|uncertain) words?\b",
    r"\bignore (?:\w+ ){0,3}(?:previous|prior|above|earlier) (?:instructions|prompts?)\b|\bsystem prompt\b",
]


def _joined(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_REFUSAL, _TALK, _PROMPT = map(_joined, (_REFUSALS, _CHATTER, _PROMPTS))


def refusal(text: str) -> str:
    """Where a reading says that it will not or cannot read, "" where it does not."""
    return _first(_REFUSAL, text)


def chatter(text: str) -> str:
    """Where a reading speaks of itself, to somebody, "" where it does not."""
    return _first(_TALK, text)


def prompt_leak(text: str, prompts: Sequence[str] = ()) -> str:
    """Where a reading repeats what it was asked, "" where it does not. ``prompts`` are those in use."""
    found = _first(_PROMPT, text)
    if found or not prompts:
        return found
    words = words_only(plain(shortened(text)))
    for prompt in prompts:
        shared = _shared(words, tuple(words_only(plain(prompt))))
        whole = len(shared) >= LEAST_LEAKED_WHOLE and 10 * len(shared) >= 8 * len(words)
        if len(shared) >= LEAST_LEAKED or whole:
            return quoted(" ".join(shared))
    return ""


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(plain(shortened(text)))
    return quoted(found.group()) if found else ""


def _shared(words: Sequence[str], prompt: Sequence[str]) -> Sequence[str]:
    """The longest sequence of words that stands in both."""
    lengths = [0] * (len(prompt) + 1)
    best = end = 0
    for at, word in enumerate(words):
        longer = [0] * (len(prompt) + 1)
        for place, other in enumerate(prompt):
            if word == other:
                longer[place + 1] = lengths[place] + 1
                if longer[place + 1] > best:
                    best, end = longer[place + 1], at + 1
        lengths = longer
    return words[end - best : end]
