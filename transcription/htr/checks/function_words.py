"""The commonest little words of the languages that models write: what tells a language from a few words.

Old spellings and abbreviations included, as archives hold them. A word that two languages share tells nothing and may
stand in both lists.
"""

from __future__ import annotations

_LISTS = {
    "en": """
        the of and to in that is was for it with as his be on not by he have at but are this from or
        which you had they were we an all she there been their has would will what when your can more
        one so if no my me him her them our us do did who its than then into out up some could these
        those other very after before how where any only upon should such must shall may might about
        over down through never ever here again until while am i y ye yt wch wth yr yrs ther thir hath
        doth thou thy thee unto whom every because am also says said
    """,
    "fr": """
        le la les de des du et à a un une en que qui dans pour pas ne ce il elle ils nous vous je se sa
        son ses sur au aux par avec est sont été était avait plus mais ou où si leur leurs cette ces
        comme tout tous même bien fait dit sans aussi être avoir ai ont j'ai c'est d'un d'une qu'il
        qu'elle n'est lui mon ma mes notre votre nos vos y dont donc entre après avant sous très quand
        encore peu autre autres fut sera ayant étant estre esté estoit avoit audit dudit ladite ledit
        lesdits sieur dame ledict cet icelle iceluy
    """,
    "de": """
        der die das und ist nicht ich zu den mit ein eine einen einem einer dem des auf für von sich sie
        wir es im war auch als an wie aus bei nach nur noch über um hat haben so wenn oder aber werden
        wird sind ihr ihm ihn mir mich uns sein seine unser kann zum zur vom am dass daß durch diese
        dieser dieses wurde schon mehr habe hatte
    """,
    "es": """
        el la los las de que y en un una por con para su sus no se es del al lo como más pero ha fue
        este esta estos muy sin sobre también me hasta hay donde quien desde todo nos durante ser son
        entre cuando ya mi yo usted había era están estaba he hemos
    """,
    "it": """
        il lo la i gli le di che e in un una per con non si è del della dei delle al alla da dal dalla
        come più ma ho ha hanno sono era anche questo questa suo sua nel nella nelle mi ci quando dove
        molto ogni essere stato così perché io noi loro
    """,
    "nl": """
        de het een en van ik te dat die in is niet op aan met als voor er maar om hem dan zou of wat
        mijn men dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft hebben
        deze u nog zal wij was geen worden werd onze zijn
    """,
    "pt": """
        o a os as de que e do da em um uma para com não por mais dos das como mas foi ao ele ela seu sua
        ou ser quando muito há nos já está eu também só pelo pela até isso entre era depois sem mesmo
        aos ter seus quem nas me esse eles estão você tinha foram
    """,
    "sv": """
        och i att det som en på är av för med den till inte har de jag om ett han men var sig från vi så
        kan när år
    """,
    "da": """
        og i at det som en på er af for med den til ikke har de jeg om et han men var sig fra vi så kan
        da hun meget
    """,
    "no": """
        og i at det som en på er av for med den til ikke har de jeg om et han men var seg fra vi så kan
        når meget
    """,
    "pl": """
        i w na z do się że nie to jest o jak ale po co tak za od przez dla ma był jego już może tylko
        ich
    """,
}
# Registers count: so do these.
_NUMBERS = {
    "de": "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf hundert",
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez ciento",
    "it": "due tre quattro cinque sei sette otto nove dieci cento",
    "nl": "twee drie vier vijf zes zeven acht negen tien honderd",
    "en": "one two three four five six seven eight nine ten twelve twenty hundred having been its being",
    "fr": "deux trois quatre cinq six sept huit neuf dix douze vingt cent",
}
FUNCTION_WORDS = {
    language: frozenset(f"{words} {_NUMBERS.get(language, '')}".split()) for language, words in _LISTS.items()
}
