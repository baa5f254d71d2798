"""Which single encoding makes some bytes the likeliest letters.

For each language there are its usual letters beyond ASCII, the most frequent first; the encoding whose languages make the
bytes likeliest wins.
"""

import re
from collections import Counter
from functools import cache
from math import inf, log
from unicodedata import category

# One string per language, small letters only: capitals follow.
WESTERN = (
    *("éñïèöç", "üäöß", "éèàêçâùôîûëïœ", "íóáéñúü¿¡ªº", "ãçáéíóâêõúàªº", "àèòùìé", "éëïöü", "éàèíòóçï·ú"),
    *("åäöé", "åøæé", "ðáíþéóöúæý", "äõüöšž"),
)
CENTRAL = ("łęóążśćńź", "íáěéřčžýšůúťóďň", "íáéčžýšťúľóňôäďĺ", "áéöíőóüúű", "čšžćđ", "ăţşîâ", "üäöß")
CYRILLIC = (
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "оаинвтеірслкдумпязьбгчйхїжшцюєщфґ",
    "аиоетнрсвлкдпмзъугбчящжцйшюхф",
    "аоиенрстујвкмдплбгзчшњжцхђћљџф",
)
GREEK = ("ατοιεηνσρκπμυςλίάόέγήδχθωύφβξζώψϊϋΐΰ",)
TURKISH = ("ıüşğçöİâîû",)
HEBREW = ("יולהרתאשבמנםקדעכחטגפסןצזךףץ",)
ARABIC = ("الينمرتوبعدسفهكقحجةشصطخأذضىزغثإءئظآؤ", "اینردمتهوشبسکزگفعخپقجحلچصطآضغذظث")
BALTIC = ("ėšįųžąčūę", "āīšēņļūčžģķō", "äõüöšž")
VIETNAMESE = ("\u0301\u0300\u0323đưôâêă\u0309ơ\u0303íáàéóúùèìò",)
THAI = ("านรกอเ่งมย้ลวดตสทัีปิคหแจะใพไบุ็ืโขชูำผถซธณฟศษญ์ฉภฐๆฮฝึ",)
SIMPLIFIED = (
    "的，。一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家"
    "种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第"
    "公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产新己制身果加西斯月话合回！"
    "？、：“”；（）《》喜欢吃酒店服务房质量书买卖差非常今气真觉让走太感谢快慢价格钱早晚儿电视别",
)
TRADITIONAL = (
    "的，。一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家"
    "種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第"
    "公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產新己制身果加西斯月話合回！"
    "？、：「」；（）《》喜歡吃酒店服務房質量書買賣差非常今氣真覺讓走太感謝快慢價格錢早晚兒電視別",
)
JAPANESE = (
    "のいるにたとでしはなをてがられまっすこかりもうさき、。くれンあけスーえルトどよイそだラおせわめアックリドロじシみつやレちマ"
    "フんジタテコオバデサムグべプメカナばニ日一人ゃろ年大エウハ本中出ほキ会分ずょ時ごュげ事ビ者ひチ上生国見行ぶ私ソ「」！？ワヤ"
    "モネ思前言気自手間子合今場ツセケホボゴガパダ地方何月食店来使当同部後家へ",
)
KOREAN = (
    "이다는에의을가고하지한로기도사은들리어나인자그시를서아대해있정수게만보과일라었주것장부제상여면전스구국성원유조했습니요않으"
    "관경공용우트선연적동비미세방없학중행화모분년신실치생계식양산회소교위러거말던때안집문물까너무좋맛할같네더저음마와바난된될건"
    "내려되았데며당진발터린처오불속점람입개간영드격많싶겠못잘",
)
MARKS = "’“”–…‘—£€°«»„•©®·²´×½\u00a0"
# Who writes English needs no such letters, but one sign or two, and those all the time: each is a language of its own.
SIGNS = (*MARKS, "™", "§", "±", "’“”", "“”", "‘’", "–—", "«»", "„“")
AFTER_LETTERS, BEFORE_LETTERS = (
    "’”…™®©»´²\u00a0",
    "’“‘„«\u00a0",
)  # elsewhere a sign beside a letter is a letter itself

# codec: words for people, its languages, and how much must speak for it (it is rarer than Windows-1252)
CODECS = {
    "utf-8": ("UTF-8", (), 0),
    "cp1252": ("Western European (Windows-1252)", WESTERN, 0),
    "latin-1": ("Western European (ISO 8859-1, Latin-1)", (), 0),
    "iso8859-15": ("Western European with € (ISO 8859-15)", WESTERN, 6),
    "mac_roman": ("Western European (old Mac)", WESTERN, 10),
    "cp850": ("Western European (DOS 850)", WESTERN, 12),
    "cp437": ("English (DOS 437)", (), 0),
    "utf-16": ("UTF-16 with its mark (Excel's “Unicode Text”)", (), 0),
    "utf-16-le": ("UTF-16, little-endian", (), 0),
    "utf-16-be": ("UTF-16, big-endian", (), 0),
    "utf-32": ("UTF-32 with its mark", (), 0),
    "utf-32-le": ("UTF-32, little-endian", (), 0),
    "utf-32-be": ("UTF-32, big-endian", (), 0),
    "cp1250": ("Central European (Windows-1250)", CENTRAL, 8),
    "iso8859-2": ("Central European (ISO 8859-2)", CENTRAL, 9),
    "cp852": ("Central European (DOS 852)", CENTRAL, 14),
    "cp1251": ("Cyrillic (Windows-1251)", CYRILLIC, 8),
    "koi8-r": ("Russian (KOI8-R)", CYRILLIC, 9),
    "koi8-u": ("Ukrainian (KOI8-U)", CYRILLIC, 10),
    "iso8859-5": ("Cyrillic (ISO 8859-5)", CYRILLIC, 12),
    "cp866": ("Cyrillic (DOS 866)", CYRILLIC, 12),
    "cp1253": ("Greek (Windows-1253)", GREEK, 8),
    "iso8859-7": ("Greek (ISO 8859-7)", GREEK, 12),
    "cp1254": ("Turkish (Windows-1254)", TURKISH, 8),
    "cp1255": ("Hebrew (Windows-1255)", HEBREW, 8),
    "cp1256": ("Arabic and Persian (Windows-1256)", ARABIC, 8),
    "cp1257": ("Baltic (Windows-1257)", BALTIC, 8),
    "cp1258": ("Vietnamese (Windows-1258)", VIETNAMESE, 8),
    "cp874": ("Thai (Windows-874)", THAI, 8),
    "gb18030": ("Simplified Chinese (GB 18030, GBK)", SIMPLIFIED + TRADITIONAL, 8),
    "big5": ("Traditional Chinese (Big5)", TRADITIONAL, 8),
    "cp932": ("Japanese (Shift JIS)", JAPANESE, 8),
    "euc_jp": ("Japanese (EUC-JP)", JAPANESE, 8),
    "iso2022_jp": ("Japanese (ISO-2022-JP)", (), 0),
    "cp949": ("Korean (CP949, EUC-KR)", KOREAN, 8),
}
# the lead bytes under which a two-byte standard has its everyday characters
EVERYDAY = {
    "gb18030": (0xB0, 0xD7),
    "big5": (0xA4, 0xC6),
    "cp932": (0x88, 0x97),
    "euc_jp": (0xB0, 0xCF),
    "cp949": (0xB0, 0xC8),
}
ONE_BYTE = [codec for codec, (_, languages, _) in CODECS.items() if languages and codec not in EVERYDAY]
FEW_BESIDE = 0.1  # of a sign's places may be beside letters, where it hardly belongs
PLAUSIBLE = -6.0  # log-likelihood per byte: what is below is no text in that encoding


def likeliest(sample: bytes) -> str:
    """The candidate under which the sample is likeliest; Windows-1252 if nothing speaks for another."""
    pairs = Counter(pair for pair in zip(b"\n" + sample, sample, strict=False) if pair[1] > 127)
    scores = {"cp1252": -inf}
    for codec, (_, languages, cost) in CODECS.items():
        if not languages:
            continue
        characters = Counter()  # how often each follows each
        if codec in EVERYDAY:
            text = sample.decode(codec, "replace")
            characters.update(("", character) for character in text if not character.isascii())
            size = 2 * characters.total()
        else:
            table = [bytes([byte]).decode(codec, "replace") for byte in range(256)]
            for (before, byte), count in pairs.items():
                characters[table[before], table[byte]] += count
            size = characters.total()
        # What else than Windows-1252 has such signs at all is rarer.
        signs = _signs(sample) if codec == "cp1252" else ()
        likelihood = _log_likelihood(characters, codec, signs)
        if likelihood > PLAUSIBLE * size:
            scores[codec] = likelihood - cost
    return max(scores, key=scores.__getitem__)


def _signs(sample: bytes) -> tuple[str, ...]:
    """Of SIGNS those that stand where signs stand: 'T„m„' has none, whatever „ may be there."""
    letters = set()
    for sign in set("".join(SIGNS)):
        byte = re.escape(sign.encode("cp1252"))
        after = 0 if sign in AFTER_LETTERS else len(re.findall(rb"[A-Za-z]" + byte, sample))
        before = 0 if sign in BEFORE_LETTERS else len(re.findall(byte + rb"[A-Za-z]", sample))
        if after + before > FEW_BESIDE * sample.count(sign.encode("cp1252")):
            letters.add(sign)
    return tuple(signs for signs in SIGNS if not letters.intersection(signs))


def _log_likelihood(characters: Counter[tuple[str, str]], codec: str, signs: tuple[str, ...]) -> float:
    """Of characters, each with the one before it, in the language of `codec` that fits best. signs: languages, too."""
    total, counts = 0.0, Counter()
    for (before, character), count in characters.items():
        counts[character] += count
        chance = 1.0
        if character.isupper():
            chance *= 0.001 if before.islower() else 0.9 if before.isupper() else 0.2
        if character < "\u0300" and not before.isascii():
            chance *= 0.05  # in Latin scripts ASCII letters stand between the others
        elif character > "\u036f" and character.isalpha() and before.isascii():
            chance *= 0.01 if before.isalpha() else 0.05  # in other scripts letters stand together
        total += count * log(chance)
    rare = {character: log(_rarity(character)) for character in counts}

    def fit(model: dict[str, float]) -> float:
        return sum(n * model.get(c, model.get(c.lower(), rare[c])) for c, n in counts.items())

    return total + max(map(fit, _models(codec, signs)))


def _rarity(character: str) -> float:
    """Probability of a character that is in none of the lists."""
    if character == "\ufffd":
        return 1e-7  # a few broken bytes do not speak against an encoding
    return 1e-9 if category(character) in ("Cc", "Cn", "Co") else 1e-6


@cache
def _models(codec: str, signs: tuple[str, ...]) -> list[dict[str, float]]:
    """Per language of `codec`: its characters with the logarithm of their probability."""
    lead, last = EVERYDAY.get(codec, (0, -1))
    pairs = (bytes((first, second)) for first in range(lead, last + 1) for second in range(0x40, 0xFF))
    everyday = {text: 1.0 for pair in pairs if len(text := pair.decode(codec, "ignore")) == 1}
    languages = [_by_rank(letters) for letters in CODECS[codec][1]]
    others = sum(map(Counter, languages), Counter())
    models = []
    for language in (*languages, *map(_by_rank, signs)):
        model = Counter()
        for weight, part in ((0.5, language), (0.1, others), (0.15, _by_rank(MARKS)), (0.25, everyday)):
            whole = sum(part.values())
            for character, share in part.items():
                model[character] += weight * share / whole
        models.append({character: log(share) for character, share in model.items()})
    return models


def _by_rank(letters: str) -> dict[str, float]:
    return {letter: (rank + 8) ** -1.5 for rank, letter in enumerate(letters)}
