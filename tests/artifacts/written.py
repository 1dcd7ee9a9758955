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
DENSE = unpacked(
    r"""
    c-rk*TS!zv82-;?*W<2Qn%9c#LLf!3tFAYQ%5>W-(ArIUC?b%;9?A!0Ei5H^i7s?w5t8UiMiB*8b`c`FxX}#@d+8yf(jYS;EP}E#*KJM(dn#k2^FQqT^UZv7{+a(jGyj?0>MQdmI>tH_
    O#>#wRKnv(-9_;WGfq}k`pOo|2_5oej3}~!ViboA5^A@nqF+g6kC0XmQjN7ptfl5OQ!C()%Jt4by21Pe+EhX(e}|UuXvxe^8xJb!|6(+0`Cubur=1S53`SUHq-}nK&6hxu^hJ{;Nn*>-
    N+lJf<cZlp)_EdiXpqsYYc_ozibG4$dq|gPXYTJa@Xtxp?t<k+Yng@D1RCX(AH^Yc;L?#Z<;KPCQ<e#q3Cskq-(L=y@pLmA02qTFI=|=qd)_SutSk-q%JdyT-wKj-q$VevOxhBFZHcWz
    9jkvfLaa<69!(&TOkj+00)tNr+hceFI8K6e*`<DfOa*D73a2-U5n^Eii+xoPhYz38@LldOK<n&H0OL^w%wN%o`VCW}r<(-fEQURrtG3~ou%UiV920BejWKch!P+d`%Z_@DBE6i(Ue|jo
    k9+-kFBlM>7%3xGRY9X}32RwIvx2c8mfIbzS4sm5y<n?b^)Ll$QAz=|zJn7WfYk)|ct1?Ts=VXaI@pBOmsd;LU@ul54DLCk7f5~7({&vBbTu9PiLG~F7DmJEU!KEfjIL--?SmeSw%^F?
    gLbU$T+#9hy0BW=a99IN{<2{I+j*5ZlLr)aKC2R^Dy&MPglEqrer&8tqJ<AlA|{SiiTk<3NeHmFlE#UHRY_bqS(OCT*0Z~xSpNH6vC^X$F~JJO|4neJqWvsY>8Ev;jPZR|{pD0e6;qWQ
    l&YjLY--ccev)4FN0naW@Rs#-Q>XVbyv(jy8OFzp2G!^YnGJY@zg(V?3cV5m5Opx4Y6^sa0H|YI#jpo@DS%F!Q?(5<A%vRd06rCxZr0C(#}q*4Lf!^j0IDekjUCF~w*;!`Q_z|8;`Yal
    `l&$xBuBbhu0T3947s6m+x>1xrxdhSx3Z?ch7bkNL3VD}iQ&7B?afx~no2L?g>@I)B=}wMx!?)GlY&cxND|yB1f38)LgajUJA0|+rxDxZd}XElb`s08`RXJ^_ppW>yV8X(B68>#SiLK{
    Q6qe}$akCN=ZgGXv-~`fpJ$ezFY@!v@;xHoW0qea@(axJ3q^jRS$>hoFEYz77Wu`|@>Lc;h5&TC%no3TK)3bM8{hwuZ@%jf9Nm%>`NKsHx~|c$%gBE%a?o9_Fpyu+1arGNsBkcEfyzLY
    gZcM3Xyc%#-o`*X2MauQ2F7u)aEOB%2a7JmF_7OK1&h}tGLU_%DnYkvfTPX`>aI)r5B>iY%wGhK
    """
)
DENSE_LINK = unpacked(
    r"""
    c-rgqaB<`1lHy|K;9!7(|4_in2jLq)#U&n;=lgrO1TisGFbN?mgaIxl21W)3HXa5b#hAVsstw9dF=K=ZSTK+cv;%isfI0zU8N?w)>=0=dm?t6_Xa-hnUU&@b1fZW7MSw0~WMpK5%E4%6
    5e7y<1$hP*Fi(L&oP$BU9>`(^x|x}a1L$UEMklCZc(`w17;+#-yTTd5YOp6FWzaHOj_y3MX4DCzP8dW^a0?E0Wzd4=Z$?{2hQlDnw75V!tXc+vi%HZn>SA(IMUY1T13S2~5MaQlb8VrO
    BrMr5pjRzWz)Pf!EJ!*Tp|ues11k?q>~>S9i&Kb)3j-@i9XC)UMWcoTW(Ulcjg5OJxdj7NF~Ho%$bd>C><eJ10NMeQiD89^OEI9*8Q%mhIEDDQF|Zb-T^3^S1Y4Ksu|ST&2FzS^(ov5A
    )PfLT;4zd5W>5l)GW9OaX9xo`pB=E8!;lPSUU)xgA%iHGdF9gH<qXq-Og@HS-Wg{Y^ueMhSNwazuoNsBUoY~Up$ja!;;6)Ph5|6NFTUX=LoJx;ogL}TFbe1aMr(<|Qc-!hIKkV{AaKsb
    <~$<<Q@Mc`6D*rEl^dQ#;ur-mBRIyFkvJw{EC`P2O(c$4H!Ff;Zp((?SiDE#Sk`dCILzgS2LF+HhE3d19)|-{RTZ$H%Gb*<1(rCYfC2yjDTaMZ
    """
)
DENSE_ATTRIBUTE = unpacked(
    r"""
    c-rgqaB<`1lHy|K;9!7(|4{IR7s5AyiZ3!07x(vY31Z^e!lVQiVP-<pf)2Qt7#KnFY$70%kp*T2WBPk23ns$|lSx?zV|p=A6&%?SB8KLC1|pp=D#HMBIx{cB7N{58SRr%{lxB!wpfT8C
    sZ#)UJ|hDoBQVgI7#SI1!4IREMHm<b733Kpj#OX}=U@=82eMd!{$S?f5CW=T+yzw(kM9i(Lk`qTG>e6>8tmPIgIyUWL8F0j1p`9_I9g+yH%2jxg5e0<f;<Ai$(M;ifB~b_S^?$5k^}<_
    8Vv=!MB2uJq!UsyX#nXboG`IB^>S%WAs#M37XfpYAW$Sl;|VLw4wx;8?`JlGRdIq;@j_IwqpQk3acHVrFi;i43KSa=G{RK@3>83^z+?_VbG0-BDjmh@>*o~W;|6qH7)Xf&0|UtAyIsXa
    7_Kow1VGMsFCL)GAi)d~-~ko(Cmr<|rZGSSKsx7m{WoQ}1{DA)T$5R9%P<Wj<;cLm1*G_nmAErphYD~5DdQ^E5QZ?Q7LaAr<fnu(gh8zZh0)VfKWZ7opejIM@!p0#3}R51g5r2b_xTeH
    Vo)uhh&V2({f1#0RDcagZJn_4zYyP@-J=-;2LQ)ECrU7*#0p9@qeL-Ez@tPQN(`W+B$U`gNpvWQ1tp=Nq`boUn{`Gbjhf}9hl>-u;Q|Jc{R`@uficVhir7R024O}9a9IM1k`e>rOhxE7
    MAdIds(vF>{YIqfH%8TOOsakpRQ)ET>NiEzZ%V3uGgSR%r0O?E)o)I!ehXCn7NqL8MAdIetbP_)`aw&8h6bb>fSv*kN%KKf6^j1&_{`jb{GyWhcn$UZVs%Zu;>zNZ)LaeqywtMPB6ZE7
    mj4071IEG
    """
)
