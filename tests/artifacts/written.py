"""Files that libraries not installed here wrote: HDF5 by h5py 3.16, 7z by py7zr 1.0; packed, so that they stand in the source."""

import base64
import zlib


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode("".join(text.split())))


WEIGHTS = unpacked(
    r"""
    c-rln!EVz)5QcZ1rgfTzCV(iA1CbA?5>XUXAyr%ekw6ZJR+K{}1g%N7#lm$UcA}strN?sXkw@q|^um!NkHC>5Z%}r<vx(PHQ6gF)=zLK$-
    rez7vHy&B$Np5SJj%>opCtm*BvT|yq8tM^i+Wp)Z-S*@_rV?-s((5hy9)hTh<_z7+i#%%`Lk+Ocpt}5$N8R=)+ESzq*i^fD(w0|N0P6G?&sPcSj!*kvG#|@rQv6&-
    y9sdmH_=G$J6hR6zUiCJF4IPr0&;Xp3lhX>38kvN<}DG>8_B_^L1Ru$Ygn7bw;+|rN+wxKQovIFb|C8frFIp*RjQ2?CkQu;*6dL;yOkq%LD6a+3se>%LBEne*Ka2od=YjK4)~lGT7U(b
    =Lh;$^+%J9yhLI<fJ^1l;@19_M)_g?3e;Sm|l&v6a0z`&s^aKj1|a&NftiBc#>ZsF>V+#pa}{|(1V<=3`O^^o)4)jW1y?$`QQ7iy!R!CTGH9OH_2DkSB5&2I-
    !)t^fsaH5>j_*K2F1UD!v)s0UK<~wF5TL^+2D7@$I7QG9t2%REo|Pao-g>jNf<DC+z@rC^a4{Cy;brZyT}yGlC!pf*}7M-B<O^y>R|QBb(|e)$T3nbqL;bP=}%90=di`-
    ?EnNZ**A8cbXpWzs9FYS(x2Ym={G?SE9(en;)*Y9zR@pLL<}RsGne|bf;8~%sP(1_N=;V`~HS!?=b6b!CGVQ+sq3b+qH@XtKRgsoNeCUvy_7``sK3`-
    h9!scAAa08xDoPp#)=MZ!K~~)T3iT+ny7MFiX7Kt_M!X4*1U(-
    Yw>~t$tB#Y&(9yTCAZWd2QG2zwGz5vv1C$0ucm35ClOG1VNDhANBS?{H@tJvJCZr>F~*lSVN1~K`v2Q3s6sYR9!$>o4l^;b&5<_r{Jr7=5EL(JQ<@-aTKXjh}gdXLfiFy
    """
)
EXTERNAL_LINK = unpacked(
    r"""
    c-
    rgqaB<`1lHy_j0S*oZ76t(ZWbhvf3Yby(F!=;1%?PDCp!5nRm^ceqP68?}05x9$YF+?TJS51~71?}rdq%;?1|F`C;G_}(<#Ryk6HKV;VCgV`O7=3rQ!e(D$pv%?Ba(VHsCq^Y2gV9uQr
    Ax{N!Bk&EG{ljVbD)xU;qGGu|4D
    """
)
EXTERNAL_DATA = unpacked(
    r"""
    c-
    rgqaB<`1lHy_j0S*oZ76t(ZWbhvfHn5`dVe$!3nh{EOK<O1sFmXn(oCH){5NbZUx{x4OSCH!eXaHtU1`CAdU>F4>5qP*d27u@YC?A$ePcWgXt3XSS9u(Tk$iN0MixI|$q+~`$hyXNM!f
    9rp%NU{VV?;`^tUwyXXJTRk3$rt5fccEjJYs+&eZ$P<fZEH<2+J8PXetxv8V?d^;T(YG9R1XiWc`f%;*z|?+*BYx*w5bu<WHFY6qrZTG&ukOxR5(e
    """
)
VIRTUAL = unpacked(
    r"""
    c-
    rgqaB<`1lHy_j0S*oZ76t(ZWbhvfDnwEFF!=;1%?PDCp!5nRm^dR?P68?}2sIyFT}Y6tD@gT!Gyt>5Km<Z_FpPqc2s~UJ13+{Hln+a#Czw#xm7%3a4+`yNWMG4s#R%g=QZgeWM1TdV4n
    {KrUB(D?A0twVWd+h8J`*z&BSaM90~Tfj7GxI-LDhqJ6S?`a5jkaW0C#79A4a4IfQ7R!16siAr<Nq^=a*!p7U^Y}GNb?l1|bImOh|lKU@^i25oq9s1MEo3C-
    9Hvfl)9DM!_f;1*2dTjDk@x3P!;w7zLw%ULe@d-vu<H2OEb|U>*$<asU9Z9yWm
    """
)
HUGE = unpacked(
    r"""
    c-
    rgqaB<`1lHy_j0S*oZ76t(ZWbhvfDp*nZF!=;1%?PDCp!5nRm^dR?P68?}2sIyFT}Y6tD@gT!Gyt>5fCWNxFpPqc2s~UJ13+{Hln+a#Czw#xRiLFu4+`yNWMGAu#R%g=QZgeWBeEhm%?
    y+WaRn9R86ZhkfkB*uLA)NSgcX>ALGnz@OpK893^9+Hi3yS91)y3{a?0QU!G8WOpd1a$hYHN2X_FiP0DZ$XGy
    """
)
SEVEN = unpacked(
    r"""
    c-k|s+Ou9=hJoe9%sUF*3=kj!rAtc;s~8#h6Lpff40VjSjCD-
    78d&`F7#=XxFyzNFFf<youj4;&xq*j$!{J+6*CSHaY_2#La(5BC`eHBtC(|z(#a=ve@TYmuwihiXAuRXi<$w5*Uz7GH_rDcG$Cv9@>O=lTv5Nh#l5!JBWB$zPnIfO?OUOj)x|u6$YWhw
    #?!L^MPbaKmoA)4*N3H?r9C0=gM$U2uc5X%nMny$N37%R81_1SnK{x
    """
)
SEVEN_BAD = unpacked(
    r"""
    c-k|s+Ou9=hJj_WvY}}T0|bab={Xj)63O|+T*Z~eC8@bw8o}x%MWw0gTqQwzj0_%(ENl#noZ<}Z+>8v2j0`;D3>;jHcP>1*%)r3PD9OkmD9Dh+kjRk2pvO?akj;<-
    GMI~z;e+?uQq{)0jG}Ce3<?bmjX+^>HgQHyUx-19ii{FGo(v2C#Q+-b
    """
)
