"""Language codes of media containers, from language tags.

People and players use BCP 47 tags such as "de-AT". MP4 and QuickTime store the terminological code
of ISO 639-2 ("deu"), Matroska the bibliographic one ("ger").
"""

from typing import Final

UNDETERMINED: Final = "und"


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split(":", 1) for pair in text.split())


# ISO 639-1 to the terminological codes of ISO 639-2.
_THREE_LETTERS: Final = _pairs("""
    aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze
    ba:bak be:bel bg:bul bh:bih bi:bis bm:bam bn:ben bo:bod br:bre bs:bos ca:cat ce:che
    ch:cha co:cos cr:cre cs:ces cu:chu cv:chv cy:cym da:dan de:deu dv:div dz:dzo ee:ewe
    el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas ff:ful fi:fin fj:fij fo:fao fr:fra
    fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo hr:hrv
    ht:hat hu:hun hy:hye hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk io:ido is:isl
    it:ita iu:iku ja:jpn jv:jav ka:kat kg:kon ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan
    ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin
    lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa
    mt:mlt my:mya na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld nn:nno no:nor nr:nbl nv:nav
    ny:nya oc:oci oj:oji om:orm or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que
    rm:roh rn:run ro:ron ru:rus rw:kin sa:san sc:srd sd:snd se:sme sg:sag si:sin sk:slk
    sl:slv sm:smo sn:sna so:som sq:sqi sr:srp ss:ssw st:sot su:sun sv:swe sw:swa ta:tam
    te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi
    ty:tah ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho yi:yid
    yo:yor za:zha zh:zho zu:zul
""")

# Terminological codes to bibliographic ones, where they differ.
_BIBLIOGRAPHIC: Final = _pairs("""
    bod:tib ces:cze cym:wel deu:ger ell:gre eus:baq fas:per fra:fre hye:arm isl:ice kat:geo
    mkd:mac mri:mao msa:may mya:bur nld:dut ron:rum slk:slo sqi:alb zho:chi
""")
_TERMINOLOGICAL: Final = {code: other for other, code in _BIBLIOGRAPHIC.items()}


def iso_639_2(tag: str) -> str:
    """Return the terminological ISO 639-2 code of a language tag, without script and region.

    A tag of three letters is returned as it is, or as the terminological code where it is a
    bibliographic one. Tags without a code give "und".
    """
    primary = tag.replace("_", "-").split("-")[0].lower()
    if len(primary) == 3 and primary.isascii() and primary.isalpha():
        return _TERMINOLOGICAL.get(primary, primary)
    return _THREE_LETTERS.get(primary, UNDETERMINED)


def bibliographic(tag: str) -> str:
    """Return the bibliographic ISO 639-2 code of a language tag, as `iso_639_2`."""
    code = iso_639_2(tag)
    return _BIBLIOGRAPHIC.get(code, code)
