"""
Settings of mail providers: the long tail behind the presets. Generated, do not edit.

Made by ``tests/providers.py``. One provider a line: id, name, domains of its addresses, and
its servers: block, host, port; then ``=`` TLS at once, ``+`` STARTTLS, ``-`` neither; ``L``
where the user name is the part before the @, ``N`` where there is no login, ``X`` where it is
of another form; ``!`` where no password is taken.
"""

# ruff: noqa: E501

from __future__ import annotations

from typing import Final

SOURCE: Final = "github.com/thunderbird/autoconfig"
CHECKED: Final = "2026-03-12"

TABLE: Final = """\
126.com|126.com|126.com|imap:imap.126.com:993= smtp:smtp.126.com:465=
163.com|163.com|163.com|imap:imap.163.com:993= smtp:smtp.163.com:465=
1und1.de|1&1|- online.de onlinehome.de sofortstart.de sofort-start.de sofortsurf.de sofort-surf.de go4more.de kundenserver.de schlund.de|imap:imap.1und1.de:993= imap:imap.1und1.de:143+ pop3:pop.1und1.de:995= pop3:pop.1und1.de:110+ smtp:smtp.1und1.de:465= smtp:smtp.1und1.de:587+
a1.net|a1.net|a1.net aon.at|imap:securemail.a1.net:993= smtp:securemail.a1.net:587+
active24.com|ACTIVE 24 Webhosting|active24.com smtp.cz|imap:email.active24.com:993= pop3:email.active24.com:995= smtp:email.active24.com:465=
alice.it|Alice Italy|alice.it|imap:in.alice.it:143+ pop3:in.alice.it:110+ smtp:out.alice.it:587+
aol.com|AOL Mail|aol.com aim.com netscape.net netscape.com compuserve.com cs.com wmconnect.com aol.de aol.it aol.fr aol.es aol.se aol.co.uk aol.co.nz aol.com.au aol.com.ar aol.com.br aol.com.mx mail.gm0.yahoodns.net|imap:imap.aol.com:993= pop3:pop.aol.com:995= smtp:smtp.aol.com:465=
arubapec.it|Aruba PEC|arubapec.it pec.it mypec.eu gigapec.it ingpec.eu|imap:imaps.pec.aruba.it:993= smtp:smtps.pec.aruba.it:465=
att.net|AT&T|att.net ameritech.net bellsouth.net currently.com flash.net nvbell.net pacbell.net prodigy.net sbcglobal.net snet.net swbell.net wans.net|imap:imap.mail.att.net:993= pop3:inbound.att.net:995= smtp:outbound.att.net:465= smtp:smtp.mail.att.net:465=
bay.wind.ne.jp|群馬インターネット|bay.wind.ne.jp bay.wind.jp bay.wind.co.jp bay.gunmanet.or.jp bay.gunmanet.ne.jp|pop3:bay.wind.ne.jp:110-L smtp:bay.wind.ne.jp:587-L
bb-niigata.jp|ＢＢにいがた|bb-niigata.jp|pop3:pop.bb-niigata.jp:110-L smtp:pop.bb-niigata.jp:25-L
bell.net|Bell Canada email|bell.net sympatico.ca|imap:imap.bell.net:993= pop3:pophm.sympatico.ca:995= smtp:smtphm.sympatico.ca:587+
biglobe.ne.jp|Biglobe|biglobe.ne.jp|pop3:mail.biglobe.ne.jp:995= smtp:mail.biglobe.ne.jp:465=
bigpond.com|Telstra Mail|bigpond.com bigpond.net.au telstra.com bigpond.net|imap:imap.telstra.com:993= pop3:pop.telstra.com:995= smtp:smtp.telstra.com:465=
bluewin.ch|Bluewin Mail|bluewin.ch bluemail.ch|imap:imaps.bluewin.ch:993= pop3:pop3s.bluewin.ch:995= smtp:smtpauths.bluewin.ch:465=
blueyonder.co.uk|Blueyonder: Virgin Media Mail|blueyonder.co.uk|imap:imap4.blueyonder.co.uk:993= pop3:pop3.blueyonder.co.uk:995= smtp:smtp.blueyonder.co.uk:465=
bol.com.br|BOL - Brasil Online|bol.com.br|imap:imap.bol.com.br:993=L pop3:pop3.bol.com.br:995=L smtp:smtps.bol.com.br:465=L smtp:smtps.bol.com.br:587+L
broba.cc|ぷらら|- garnet.broba.cc amethyst.broba.cc coral.broba.ccv diamond.broba.cc|pop3:mail.broba.cc:110- smtp:mail.broba.cc:587-
btinternet.com|BT Mail|btinternet.com btopenworld.com talk21.com|imap:mail.btinternet.com:993= pop3:mail.btinternet.com:995= smtp:mail.btinternet.com:465=
cc9.ne.jp|CC9インターネットサービス|cc9.ne.jp|imap:pop.cc9.ne.jp:993=L pop3:pop.cc9.ne.jp:995=L smtp:msa.cc9.ne.jp:465=L
cek.ne.jp|エコーシティー・駒ケ岳|cek.ne.jp|imap:imap.cek.ne.jp:993= pop3:mail.cek.ne.jp:995= smtp:smtpa.cek.ne.jp:465=
centurylink.net|CenturyLink.net|centurylink.net embarqmail.com|pop3:pop.centurylink.net:995= imap:mail.centurylink.net:993= smtp:smtp.centurylink.net:587+
centurytel.net|CenturyTel.net|centurytel.net clds.net coastalnow.net cochill.net cswnet.com emadisonriver.com emadisonriver.net gallatinriver.net grics.net gulftel.com madisonriver.biz mebtel.net|pop3:pop.centurytel.net:995= smtp:smtpauth.centurytel.net:587+
cgl.ucsf.edu|UCSF CGL email|cgl.ucsf.edu|imap:plato.cgl.ucsf.edu:993=L smtp:plato.cgl.ucsf.edu:587+L
charter.net|Charter Communications|charter.net spectrum.net bresnan.net|imap:mobile.charter.net:993= pop3:mobile.charter.net:995= smtp:mobile.charter.net:587=
clio.ne.jp|CLIO-Net移管サービス|clio.ne.jp|pop3:mail.clio.ne.jp:110-L smtp:mail.clio.ne.jp:587-L
clustermail.de|Clustermail|clustermail.de|imap:mail.clustermail.de:993= imap:mail.clustermail.de:143+ pop3:mail.clustermail.de:995= pop3:mail.clustermail.de:110+ smtp:mail.clustermail.de:587+ smtp:mail.clustermail.de:25+
co1.wind.ne.jp|群馬インターネット|co1.wind.ne.jp co1.wind.jp|pop3:co1.wind.ne.jp:110-L smtp:co1.wind.ne.jp:587-L
co2.wind.ne.jp|群馬インターネット|co2.wind.ne.jp co2.wind.jp|pop3:co2.wind.ne.jp:110-L smtp:co2.wind.ne.jp:587-L
co3.wind.ne.jp|群馬インターネット|co3.wind.ne.jp co3.wind.jp|pop3:co3.wind.ne.jp:110-L smtp:co3.wind.ne.jp:587-L
comcast.net|Comcast|comcast.net|imap:imap.comcast.net:993= imap:imap.comcast.net:143+ pop3:mail.comcast.net:995= pop3:mail.comcast.net:110+ smtp:smtp.comcast.net:465= smtp:smtp.comcast.net:587+
cty-net.ne.jp|CTY Mail|cty-net.ne.jp m2.cty-net.ne.jp m3.cty-net.ne.jp m4.cty-net.ne.jp m5.cty-net.ne.jp m6.cty-net.ne.jp m7.cty-net.ne.jp m8.cty-net.ne.jp m9.cty-net.ne.jp cty-net.com|pop3:pops.cty-net.ne.jp:995= smtp:smtps.cty-net.ne.jp:465=
dan.wind.ne.jp|群馬インターネット|dan.wind.ne.jp dan.wind.jp dan.wind.co.jp dan.gunmanet.or.jp dan.gunmanet.ne.jp|pop3:dan.wind.ne.jp:110-L smtp:dan.wind.ne.jp:587-L
daum.net|Daum Mail|daum.net|imap:imap.daum.net:993= smtp:smtp.daum.net:465=
dd.iij4u.or.jp|IIJ4U|dd.iij4u.or.jp ff.iij4u.or.jp hh.iij4u.or.jp kk.iij4u.or.jp nn.iij4u.or.jp pp.iij4u.or.jp rr.iij4u.or.jp ss.iij4u.or.jp bc.iij4u.or.jp bk.iij4u.or.jp bp.iij4u.or.jp bu.iij4u.or.jp|pop3:mbox.iij4u.or.jp:110+X smtp:mbox.iij4u.or.jp:587+X
df.eu|domainFACTORY|- ispgateway.de|imap:sslin.df.eu:993= pop3:sslin.df.eu:995= smtp:sslout.df.eu:465=
dondominio.com|DonDominio/MrDomain|dondominio.com|imap:imap.dondominio.com:993= pop3:pop3.dondominio.com:995= smtp:smtp.dondominio.com:465=
earthlink.net|EarthLink|earthlink.net mindspring.com ix.netcom.com|imap:imap.earthlink.net:993= pop3:pop.earthlink.net:995= smtp:smtpauth.earthlink.net:587+
educa.madrid.org|Plataforma EducaMadrid|educa.madrid.org|imap:imap.educa.madrid.org:993=L pop3:pop.educa.madrid.org:995=L smtp:smtp01.educa.madrid.org:465=L smtp:smtp01.educa.madrid.org:587+L
elpasotel.net|Elpasotel.net|elpasotel.net|pop3:pop3.elpasotel.net:995= imap:mail.elpasotel.net:993= smtp:smtp.elpasotel.net:587+
email.it|email.it|email.it|imap:in.email.it:993= pop3:pop.email.it:995= smtp:out.email.it:465=
emailsrvr.com|Rackspace Email Hosting|emailsrvr.com|imap:secure.emailsrvr.com:993= smtp:secure.emailsrvr.com:465=
fastwebnet.it|Fastweb|fastwebnet.it|imap:imap.fastwebnet.it:993= pop3:pop.fastwebnet.it:995= smtp:smtp.fastwebnet.it:587+
free.fr|Freebox|free.fr|imap:imap.free.fr:993=L pop3:pop.free.fr:995=L smtp:smtp.free.fr:465=L
gandi.net|Gandi Mail|gandi.net|imap:mail.gandi.net:993= imap:mail.gandi.net:143+ pop3:mail.gandi.net:995= pop3:mail.gandi.net:110+ smtp:mail.gandi.net:465= smtp:mail.gandi.net:587+
gigahost.dk|Gigahost Mail|gigahost.dk|imap:mail.gigahost.dk:993= pop3:mail.gigahost.dk:995= smtp:smtp.gigahost.dk:587+
gmx.com|GMX Freemail|gmx.com gmx.tm gmx.us gmx.co.uk gmx.es gmx.fr gmx.ca gmx.cn gmx.co.in gmx.com.br gmx.com.my gmx.hk gmx.ie gmx.ph gmx.pt gmx.ru gmx.se gmx.sg gmx.tw gmx.com.tr gmx.it gmx.li|imap:imap.gmx.com:993= imap:imap.gmx.com:143+ pop3:pop.gmx.com:995= pop3:pop.gmx.com:110+ smtp:mail.gmx.com:465= smtp:mail.gmx.com:587+
gmx.net|GMX Freemail|gmx.net gmx.de gmx.at gmx.ch gmx.eu gmx.biz gmx.org gmx.info mein.gmx mail.gmx email.gmx|imap:imap.gmx.net:993= imap:imap.gmx.net:143+ pop3:pop.gmx.net:995= pop3:pop.gmx.net:110+ smtp:mail.gmx.net:465= smtp:mail.gmx.net:587+
go.tvm.ne.jp|テレビ松本ケーブルインターネットサービス|go.tvm.ne.jp|pop3:go.tvm.ne.jp:110-L smtp:go.tvm.ne.jp:25-L
goo.jp|goo メールアドバンス|goo.jp|pop3:pop.mail.goo.ne.jp:110-L smtp:smtp.mail.goo.ne.jp:587-L
googlemail.com|Google Mail|googlemail.com gmail.com google.com jazztel.es nyu.edu|imap:imap.gmail.com:993= pop3:pop.gmail.com:995= smtp:smtp.gmail.com:465=
gransy.com|G-Hosting.cz a Station.cz|gransy.com internetserver.cz|imap:imap.gransy.com:993= imap:imap.gransy.com:143+ pop3:imap.gransy.com:995= pop3:imap.gransy.com:110+ smtp:smtp.gransy.com:465= smtp:smtp.gransy.com:587+ smtp:smtp.gransy.com:25+
hal.ne.jp|ハルインターネット|hal.ne.jp|pop3:mail.hal.ne.jp:110- smtp:mail.hal.ne.jp:587-L
hana.or.jp|きたうら花ねっと|hana.or.jp|pop3:mail.hana.or.jp:110-L smtp:mail.hana.or.jp:587-L
hetzner.de|Hetzner|- your-server.de|imap:mail.your-server.de:993= smtp:mail.your-server.de:465=
hotmail.com|Outlook.com (Microsoft)|hotmail.com live.com msn.com outlook.com windowslive.com outlook.at outlook.be outlook.cl outlook.cz outlook.de outlook.dk outlook.es outlook.fr outlook.hu outlook.ie outlook.in outlook.it outlook.jp outlook.kr outlook.lv outlook.my outlook.ph outlook.pt outlook.sa outlook.sg outlook.sk outlook.co.id outlook.co.il outlook.co.th outlook.com.ar outlook.com.au outlook.com.br outlook.com.gr outlook.com.tr outlook.com.vn hotmail.be hotmail.ca hotmail.cl hotmail.cz hotmail.de hotmail.dk hotmail.es hotmail.fi hotmail.fr hotmail.gr hotmail.hu hotmail.it hotmail.lt hotmail.lv hotmail.my hotmail.nl hotmail.no hotmail.ph hotmail.rs hotmail.se hotmail.sg hotmail.sk hotmail.co.id hotmail.co.il hotmail.co.in hotmail.co.jp hotmail.co.kr hotmail.co.th hotmail.co.uk hotmail.co.za hotmail.com.ar hotmail.com.au hotmail.com.br hotmail.com.hk hotmail.com.tr hotmail.com.tw hotmail.com.vn live.at live.be live.ca live.cl live.cn live.de live.dk live.fi live.fr live.hk live.ie live.in live.it live.jp live.nl live.no live.ru live.se live.co.jp live.co.kr live.co.uk live.co.za live.com.ar live.com.au live.com.mx live.com.my live.com.ph live.com.pt live.com.sg livemail.tw olc.protection.outlook.com|imap:outlook.office365.com:993=! pop3:outlook.office365.com:995=! smtp:smtp-mail.outlook.com:587+!
i.softbank.jp|SoftBank|i.softbank.jp|imap:imap.softbank.jp:993=L smtp:smtp.softbank.jp:465=L
ic-net.or.jp|IC-NET|ic-net.or.jp|pop3:mail.ic-net.or.jp:110-L smtp:smtp.ic-net.or.jp:587-L
iijmio-mail.jp|IIJmio セーフティメール|iijmio-mail.jp miomio.jp miobox.jp e23.jp x-il.jp|pop3:mbox.iijmio-mail.jp:110+X smtp:mbox.iijmio-mail.jp:587+X
iiyama-catv.ne.jp|ケーブルテレビiネット飯山|iiyama-catv.ne.jp|imap:imap.iiyama-catv.ne.jp:993= pop3:mail.iiyama-catv.ne.jp:995= smtp:smtpa.iiyama-catv.ne.jp:465=
inbox.lv|inbox.lv|inbox.lv inbox.eu inbox.lt inbox.la|imap:mail.inbox.lv:993= imap:mail.inbox.eu:993= imap:mail.inbox.lt:993= imap:mail.inbox.la:993= pop3:mail.inbox.lv:995= pop3:mail.inbox.eu:995= pop3:mail.inbox.lt:995= pop3:mail.inbox.la:995= smtp:mail.inbox.lv:465= smtp:mail.inbox.eu:465= smtp:mail.inbox.lt:465= smtp:mail.inbox.la:465=
inet-shibata.or.jp|インターネット新発田|inet-shibata.or.jp|pop3:po.inet-shibata.or.jp:110-L smtp:po.inet-shibata.or.jp:25-L
ipax.at|IPAX Internet Services|ipax.at|imap:mail.ipax.at:993= smtp:mail.ipax.at:465=
iwafune.ne.jp|インターネットいわふね|iwafune.ne.jp|pop3:po.iwafune.ne.jp:110-L smtp:po.iwafune.ne.jp:25-L
janis.or.jp|Janis|janis.or.jp|imap:imaps.janis.or.jp:993= pop3:pops.janis.or.jp:995= smtp:smtps.janis.or.jp:465=
jet.ne.jp|JETINTERNET|jet.ne.jp|pop3:pop.jet.ne.jp:995=L imap:imap.jet.ne.jp:993=L smtp:smtp.jet.ne.jp:465=L smtp:smtp.jet.ne.jp:587+L
ji.jet.ne.jp|JETINTERNET|ji.jet.ne.jp|pop3:pop02.jet.ne.jp:110-L smtp:smtp02.jet.ne.jp:587-L
kelcom.net|KELCOM Internet|kelcom.net|imap:pop.kelcom.net:993= pop3:pop.kelcom.net:995= smtp:smtp.kelcom.net:587+
kl.wind.ne.jp|群馬インターネット|kl.wind.ne.jp kl.wind.jp kl.wind.co.jp kl.gunmanet.or.jp kl.gunmanet.ne.jp k1.wind.ne.jp k1.wind.jp k1.gunmanet.or.jp k1.gunmanet.ne.jp|pop3:kl.wind.ne.jp:110-L smtp:kl.wind.ne.jp:587-L
kokuyou.ne.jp|長和町黒耀の里ゆいねっと|kokuyou.ne.jp|pop3:mail.kokuyou.ne.jp:110-L smtp:smtp.kokuyou.ne.jp:25-N
kpnmail.nl|KPN E-mail|kpnmail.nl kpnplanet.nl planet.nl wxs.nl hetnet.nl freeler.nl snelnet.net on.nl onsbrabantnet.nl onsmail.nl onsnet.nu onsneteindhoven.nl onsnetnuenen.nl xs4all.nl telfort.nl tip.nl tiscali.nl tiscalimail.nl|imap:imap.kpnmail.nl:993= imap:imap.kpnmail.nl:143+ pop3:pop.kpnmail.nl:995= pop3:pop.kpnmail.nl:110+ smtp:smtp.kpnmail.nl:465= smtp:smtp.kpnmail.nl:587+
laposte.net|LaPoste|laposte.net|imap:imap.laposte.net:993=L pop3:pop.laposte.net:995=L smtp:smtp.laposte.net:465=L
libero.it|Libero Mail|libero.it iol.it blu.it inwind.it giallo.it|imap:imapmail.libero.it:993= pop3:popmail.libero.it:995= smtp:smtp.libero.it:465=
mahoroba.ne.jp|インターネットまほろば|mahoroba.ne.jp|pop3:mail.mahoroba.ne.jp:110-L smtp:mail.mahoroba.ne.jp:587-L
mail.com|mail.com|mail.com mail.org email.com post.com usa.com accountant.com consultant.com dr.com engineer.com cheerful.com techie.com linuxmail.org europe.com london.com uymail.com myself.com iname.com writeme.com 2die4.com activist.com adexec.com africamail.com aircraftmail.com alabama.usa.com alaska.usa.com allergist.com alumni.com alumnidirector.com americamail.com amorous.com angelic.com archaeologist.com arizona.usa.com artlover.com asia-mail.com atheist.com australiamail.com bartender.net berlin.com bigger.com bikerider.com birdlover.com blader.com boardermail.com brazilmail.com brew-master.com california.usa.com californiamail.com caress.com catlover.com chef.net chemist.com chinamail.com clerk.com cliffhanger.com collector.org columnist.com comic.com computer4u.com contractor.net coolsite.net counsellor.com count.com couple.com cutey.com cyberdude.com cybergal.com cyber-wizard.com dallasmail.com dbzmail.com deliveryman.com diplomats.com disciples.com doctor.com doglover.com doramail.com dublin.com earthling.net elvisfan.com englandmail.com europemail.com execs.com fan.com feelings.com financier.com fireman.net florida.usa.com footballer.com gardener.com geologist.com germanymail.com graduate.org graphic-designer.com hackermail.com hairdresser.net hilarious.com hockeymail.com homemail.com hot-shot.com hour.com humanoid.net illinois.usa.com innocent.com inorbit.com instruction.com instructor.net insurer.com irelandmail.com italymail.com japan.com journalist.com keromail.com kittymail.com koreamail.com lawyer.com legislator.com loveable.com lovecat.com mad.scientist.com madonnafan.com madrid.com marchmail.com mexicomail.com mindless.com minister.com mobsters.com monarchy.com moscowmail.com munich.com musician.org muslim.com newyork.usa.com null.net nycmail.com oath.com optician.com pacificwest.com petlover.com photographer.net playful.com poetic.com politician.com popstar.com presidency.com priest.com programmer.net publicist.com realtyagent.com reborn.com reggaefan.com religious.com repairman.com representative.com rescueteam.com revenue.com rocketship.com rockfan.com rome.com royal.net saintly.com salesperson.net sanfranmail.com scientist.com scotlandmail.com secretary.net seductive.com singapore.com snakebite.com songwriter.net soon.com spainmail.com teachers.org technologist.com texas.usa.com thegame.com therapist.net toke.com tokyo.com toothfairy.com tvstar.com umpire.com wallet.com webname.com weirdness.com who.net whoever.com winning.com witty.com worker.com workmail.com yours.com|imap:imap.mail.com:993= imap:imap.mail.com:143+ pop3:pop.mail.com:995= pop3:pop.mail.com:110+ smtp:smtp.mail.com:465= smtp:smtp.mail.com:587+
mail.dk|Yousee Mail|mail.dk|imap:imap.mail.dk:993= pop3:pop3.mail.dk:995= smtp:asmtp.mail.dk:587+
mail.ee|mail.ee|mail.ee|imap:mail.ee:993= pop3:mail.ee:995= smtp:mail.ee:465=
mail.iwafune.ne.jp|インターネットいわふね|mail.iwafune.ne.jp|pop3:mail.iwafune.ne.jp:110-L smtp:mail.iwafune.ne.jp:25-L
mail.jubii.dk|Jubii Mail|mail.jubii.dk christensen.dk christiansen.dk eriksen.dk frandsen.dk frederiksen.dk hansen.dk henningsen.dk henriksen.dk iversen.dk jacobsen.dk jakobsen.dk johansen.dk knudsen.dk larsen.dk laursen.dk madsen.dk mathiesen.dk mikaelsen.dk mikkelsen.dk mortensen.dk olesen.dk pedersen.dk petersen.dk poulsen.dk rasmussen.dk simonsen.dk sorensen.dk svendsen.dk thomsen.dk vestergaard.dk 123mail.dk 12fuel.dk 12mail.dk 12move.dk 2night.dk 2senior.dk 9260.dk anarki.dk anderledes.dk backbone.dk bedstemail.dk begavet.dk bemybaby.dk bitnisse.dk city.dk cool.dk cyberdude.dk cyberjunkie.dk dancemail.dk e-box.dk elinstallatoer.dk elsker.dk elvis.dk email.dk e-mail.dk e-postboks.dk fald.dk fedt.dk feminin.dk flirt.dk forening.dk fraekkert.dk funkymail.dk gadefejer.dk gaf-net.dk gason.dk grin.dk groovymail.dk grov.dk hammergod.dk hardworking.dk heaven.dk heavymail.dk hemmelig.dk hippie.dk huleboer.dk husk-mig.dk hyperpost.dk iloveu.dk inbound.dk indbakke.dk infile.dk info.dk io.dk it.dk jubii.dk jubiichat.dk jubiiconnect.dk jubiigames.dk jubiimail.dk jubiipost.dk jubiipostadresse.dk jyde.dk klog.dk knus.dk krudt.dk kulturel.dk kvalme.dk lazy.dk lystig.dk mail4.dk mail6.dk mail8.dk maildanmark.dk mail-mig.dk mailroyal.dk mailster.dk manmail.dk maskulin.dk min-postkasse.dk minprivatemail.dk musling.dk natteliv.dk netbruger.dk nicemail.dk nospam.dk pedal.dk pengemand.dk pokerface.dk popme.dk postman.dk privatmail.dk privatpost.dk quake.dk ready.dk retromail.dk ringmybell.dk secret.dk sexysurfer.dk skrivnu.dk sleepy.dk sporty.dk submail.dk superbruger.dk talent.dk tanke.dk tastmig.dk taxidriver.dk teens.dk teknik.dk tjekket.dk trashcan.dk trustme.dk ungdom.dk video.dk vittig.dk wildwildweb.dk zoomail.dk zybermail.dk|imap:imap.jubii.dk:993= pop3:imap.jubii.dk:995= smtp:smtp.jubii.dk:465=
mail.ru|mail.ru|mail.ru inbox.ru list.ru bk.ru corp.mail.ru|imap:imap.mail.ru:993= imap:imap.mail.ru:143+ pop3:pop.mail.ru:995= pop3:pop.mail.ru:110+ smtp:smtp.mail.ru:465= smtp:smtp.mail.ru:587+
mail.wind.ne.jp|群馬インターネット|mail.wind.ne.jp mail.wind.jp mail.wind.co.jp mail.gunmanet.or.jp mail.gunmanet.ne.jp mail.gunmanet.jp|pop3:mail.wind.ne.jp:110-L smtp:mail.wind.ne.jp:587-L
me.com|Apple iCloud|me.com mac.com icloud.com|imap:imap.mail.me.com:993=L smtp:smtp.mail.me.com:587+
messagingengine.com|Fastmail|messagingengine.com|imap:imap.fastmail.com:993= pop3:pop.fastmail.com:995= smtp:smtp.fastmail.com:465=
mit.edu|MIT Mail|mit.edu|imap:outlook.office365.com:993=! smtp:outgoing.mit.edu:465=L
ml.murakami.ne.jp|インターネットいわふね|ml.murakami.ne.jp|pop3:ml.murakami.ne.jp:110-L smtp:ml.murakami.ne.jp:25-L
mnet.ne.jp|Mnet メール サービス|mnet.ne.jp|imap:mail.mnet.ne.jp:993= imap:mail.mnet.ne.jp:143+ pop3:mail.mnet.ne.jp:995= pop3:mail.mnet.ne.jp:110+ smtp:mail.mnet.ne.jp:587+
mopera.net|mopera U|mopera.net|imap:mail.mopera.net:993=L imap:mail.mopera.net:143+L pop3:mail.mopera.net:995=L pop3:mail.mopera.net:110+L smtp:mail.mopera.net:465=L smtp:mail.mopera.net:587+L
mx1.tiki.ne.jp|TikiTikiインターネット|mx1.tiki.ne.jp mx2.et.tiki.ne.jp mx2.tiki.ne.jp mx2.wt.tiki.ne.jp mx3.et.tiki.ne.jp mx3.tiki.ne.jp mx4.et.tiki.ne.jp mx4.tiki.ne.jp mx5.et.tiki.ne.jp mx5.tiki.ne.jp mx6.et.tiki.ne.jp mx6.tiki.ne.jp mx7.tiki.ne.jp mx8.tiki.ne.jp mx9.tiki.ne.jp mx21.tiki.ne.jp mx22.tiki.ne.jp mx31.tiki.ne.jp mx32.tiki.ne.jp mx35.tiki.ne.jp mx36.tiki.ne.jp mx41.tiki.ne.jp mx51.et.tiki.ne.jp mx51.tiki.ne.jp mx52.tiki.ne.jp mx61.tiki.ne.jp mx71.tiki.ne.jp mx81.tiki.ne.jp mx82.tiki.ne.jp mx91.tiki.ne.jp ma100.tiki.ne.jp|pop3:mx1.tiki.ne.jp:110-L pop3:mx2.et.tiki.ne.jp:110-L pop3:mx2.tiki.ne.jp:110-L pop3:mx2.wt.tiki.ne.jp:110-L pop3:mx3.et.tiki.ne.jp:110-L pop3:mx3.tiki.ne.jp:110-L pop3:mx4.et.tiki.ne.jp:110-L pop3:mx4.tiki.ne.jp:110-L pop3:mx5.et.tiki.ne.jp:110-L pop3:mx5.tiki.ne.jp:110-L pop3:mx6.et.tiki.ne.jp:110-L pop3:mx6.tiki.ne.jp:110-L pop3:mx7.tiki.ne.jp:110-L pop3:mx8.tiki.ne.jp:110-L pop3:mx9.tiki.ne.jp:110-L pop3:mx21.tiki.ne.jp:110-L pop3:mx22.tiki.ne.jp:110-L pop3:mx31.tiki.ne.jp:110-L pop3:mx32.tiki.ne.jp:110-L pop3:mx35.tiki.ne.jp:110-L pop3:mx36.tiki.ne.jp:110-L pop3:mx41.tiki.ne.jp:110-L pop3:mx51.et.tiki.ne.jp:110-L pop3:mx51.tiki.ne.jp:110-L pop3:mx52.tiki.ne.jp:110-L pop3:mx61.tiki.ne.jp:110-L pop3:mx71.tiki.ne.jp:110-L pop3:mx81.tiki.ne.jp:110-L pop3:mx82.tiki.ne.jp:110-L pop3:mx91.tiki.ne.jp:110-L pop3:ma100.tiki.ne.jp:110-L smtp:smtp-auth.tiki.ne.jp:587-
naver.com|Naver|naver.com|imap:imap.naver.com:993= pop3:pop.naver.com:995= smtp:smtp.naver.com:465=
nifty.com|@nifty|nifty.com|pop3:pop.nifty.com:110-L smtp:smtp.nifty.com:587-L
nili.ca|Nili|nili.ca|imap:email.nili.email:993= pop3:email.nili.email:995= smtp:email.nili.email:465= smtp:email.nili.email:587+
nsat.jp|ＢＢにいがた|nsat.jp|pop3:mail.nsat.jp:110- smtp:mail.nsat.jp:587-
ntlworld.com|NTL World: Virgin Media Mail|ntlworld.com|imap:imap.ntlworld.com:993= pop3:pop3.ntlworld.com:995= smtp:smtp.ntlworld.com:465=
o2.pl|o2 Poczta|o2.pl go2.pl tlen.pl prokonto.pl|imap:poczta.o2.pl:993=L pop3:poczta.o2.pl:995=L smtp:poczta.o2.pl:465=L smtp:poczta.o2.pl:587+L
ocn.ne.jp|OCN|ocn.ne.jp ocn.ad.jp|pop3:pop.ocn.ne.jp:995= smtp:smtp.ocn.ne.jp:465=
office365.com|Microsoft 365|office365.com onmicrosoft.com mail.protection.outlook.com|imap:outlook.office365.com:993=! pop3:outlook.office365.com:995=! smtp:smtp.office365.com:587+!
one.com|one.com|one.com|imap:imap.one.com:993= smtp:send.one.com:465=
one.cz|Webhosting Registrator.cz Mail|one.cz|imap:imap.registrator.cz:993= pop3:pop3.registrator.cz:995= smtp:smtp.registrator.cz:587+
onet.pl|Onet Poczta|onet.pl onet.eu poczta.onet.pl poczta.onet.eu op.pl vp.pl autograf.pl buziaczek.pl amorki.pl republika.pl adres.pl cyberia.pl onet.com.pl opoczta.pl pseudonim.pl spoko.pl vip.onet.pl|imap:imap.poczta.onet.pl:993= pop3:pop3.poczta.onet.pl:995= smtp:smtp.poczta.onet.pl:465= smtp:smtp.poczta.onet.pl:587+
orange.fr|Mail Orange|orange.fr wanadoo.fr|imap:imap.orange.fr:993= pop3:pop.orange.fr:995= smtp:smtp.orange.fr:465=
ovh.net|OVH|ovh.net|imap:ssl0.ovh.net:993= pop3:ssl0.ovh.net:995= smtp:ssl0.ovh.net:465=
oxcloud-eu|OX Cloud EU|- cloudeu.xion.oxcs.net|imap:imap.eu.appsuite.cloud:993= imap:imap.eu.appsuite.cloud:143+ pop3:pop.eu.appsuite.cloud:995= smtp:smtp.eu.appsuite.cloud:587+
oxcloud-us|OX Cloud US|- cloudus.xion.oxcs.net|imap:imap.us.appsuite.cloud:993= imap:imap.us.appsuite.cloud:143+ pop3:pop.us.appsuite.cloud:995= smtp:smtp.us.appsuite.cloud:587+
parabox.or.jp|パラボックス|parabox.or.jp|pop3:pop3.parabox.or.jp:110-L smtp:smtp.parabox.or.jp:25-L
pdx.edu|Portland State University Mail|pdx.edu|imap:psumail.pdx.edu:993= imap:psumail.pdx.edu:587+ smtp:mailhost.pdx.edu:465= smtp:mailhost.pdx.edu:587+
peoplepc.com|PeoplePC|peoplepc.com|imap:imap.peoplepc.com:143- pop3:pop.peoplepc.com:110- smtp:smtpauth.peoplepc.com:587+
po.wind.ne.jp|群馬インターネット|po.wind.ne.jp po.wind.jp po.wind.co.jp po.gunmanet.or.jp po.gunmanet.ne.jp|pop3:po.wind.ne.jp:110-L smtp:po.wind.ne.jp:587-L
pobox.com|Pobox|pobox.com|imap:mail.pobox.com:993= imap:mail.pobox.com:143+ pop3:mail.pobox.com:995= pop3:mail.pobox.com:110+ smtp:smtp.pobox.com:465= smtp:smtp.pobox.com:587+
pop.shibata.ne.jp|インターネット新発田|pop.shibata.ne.jp ml.shibata.ne.jp|pop3:pop.shibata.ne.jp:110-L pop3:ml.shibata.ne.jp:110-L smtp:pop.shibata.ne.jp:25-L smtp:ml.shibata.ne.jp:25-L
postecert.it|Poste Italiane PosteCert|postecert.it|imap:mail.postecert.it:993= pop3:mail.postecert.it:995= smtp:mail.postecert.it:465=
posteo.de|Posteo|posteo.de posteo.at posteo.be posteo.ca posteo.ch posteo.cl posteo.co posteo.co.uk posteo.com posteo.com.br posteo.cr posteo.cz posteo.dk posteo.ee posteo.es posteo.eu posteo.fi posteo.gl posteo.gr posteo.hn posteo.hr posteo.hu posteo.ie posteo.in posteo.is posteo.it posteo.jp posteo.la posteo.li posteo.lt posteo.lu posteo.me posteo.mx posteo.my posteo.net posteo.nl posteo.no posteo.nz posteo.org posteo.pe posteo.pl posteo.pm posteo.pt posteo.ro posteo.se posteo.sg posteo.si posteo.tn posteo.uk posteo.us|imap:posteo.de:993= imap:posteo.de:143+ pop3:posteo.de:995= pop3:posteo.de:110+ smtp:posteo.de:465= smtp:posteo.de:587+
ptd.net|PenTeleData|ptd.net|imap:promail.ptd.net:993=L imap:promail.ptd.net:143+L pop3:promail.ptd.net:995=L pop3:promail.ptd.net:110+L smtp:promail.ptd.net:465=L smtp:promail.ptd.net:587+L
q.com|Q.com|q.com|pop3:mail.q.com:995= imap:mail.q.com:993= smtp:smtp.q.com:587+
qq.com|qq.com|qq.com|imap:imap.qq.com:993= smtp:smtp.qq.com:465=
rambler.ru|Rambler Mail|rambler.ru|imap:imap.rambler.ru:993= pop3:pop.rambler.ru:995= smtp:smtp.rambler.ru:465=
rediffmail.com|Rediffmail|rediffmail.com|pop3:pop.rediffmail.com:995= pop3:pop.rediffmail.com:110- smtp:smtp.rediffmail.com:586= smtp:smtp.rediffmail.com:465= smtp:smtp.rediffmail.com:587-
rr.com|RoadRunner/TWC|rr.com|imap:mail.twc.com:993= pop3:mail.twc.com:995= smtp:mail.twc.com:587+
runestone.net|Runestone Telecom Association|runestone.net|pop3:mail.runestone.net:995=L smtp:mail.runestone.net:587+L
sapo.pt|SAPO Mail|sapo.pt sapo.cv sapo.ao sapo.mz sapo.tl meo.pt|imap:imap.sapo.pt:993= pop3:pop.sapo.pt:995= smtp:smtp.sapo.pt:465=
schwaz.net|schwaz.net / Stadtwerke Schwaz|schwaz.net|imap:imap.schwaz.net:993= pop3:pop3.schwaz.net:995= smtp:mail.schwaz.net:465= smtp:mail.schwaz.net:587+
seznam.cz|Seznam|seznam.cz email.cz post.cz spoluzaci.cz|imap:imap.seznam.cz:993= pop3:pop3.seznam.cz:995= smtp:smtp.seznam.cz:465=
sfr.fr|SFR / Neuf|sfr.fr neuf.fr club-internet.fr|imap:imap.sfr.fr:993= pop3:pop.sfr.fr:995= smtp:smtp.sfr.fr:465=
sky.com|Sky Mail|sky.com|imap:imap.tools.sky.com:993= pop3:pop.tools.sky.com:995= smtp:smtp.tools.sky.com:465=
skynet.be|Proximus|skynet.be proximus.be belgacom.net kidcity.be|imap:imap.proximus.be:993= pop3:pop.proximus.be:995= smtp:relay.proximus.be:587+
so.wind.ne.jp|群馬インターネット|so.wind.ne.jp so.wind.jp|imap:so.wind.ne.jp:143-L smtp:so.wind.ne.jp:587-L
strato.de|Strato|strato.de rzone.de|imap:imap.strato.de:993= pop3:pop3.strato.de:995= smtp:smtp.strato.de:465= smtp:smtp.strato.de:587+
studenti.univr.it|Università degli Studi di Verona|studenti.univr.it|imap:univr.mail.cineca.it:993= pop3:univr.mail.cineca.it:995= smtp:univr.smtpauth.cineca.it:465=
t-online.de|t-online|t-online.de magenta.de|imap:secureimap.t-online.de:993= pop3:securepop.t-online.de:995= smtp:securesmtp.t-online.de:465= smtp:securesmtp.t-online.de:587+
teol.net|TEOL.net Mail|teol.net mtel.tel|imap:imap.teol.net:993= pop3:pop3.teol.net:995= smtp:smtp.teol.net:465=N
thinline.cz|Český hosting|thinline.cz|imap:mail.cesky-hosting.cz:993= imap:mail.cesky-hosting.cz:143+ pop3:mail.cesky-hosting.cz:995= pop3:mail.cesky-hosting.cz:110+ smtp:smtp.cesky-hosting.cz:465= smtp:smtp.cesky-hosting.cz:587+ smtp:smtp.cesky-hosting.cz:25+
tiki.ne.jp|TikiTikiインターネット|tiki.ne.jp|pop3:mx.tiki.ne.jp:110-L smtp:smtp-auth.tiki.ne.jp:587-
tim.it|Tim Mail|tim.it|imap:imap.tim.it:143+ pop3:pop.tim.it:110+ smtp:smtp.tim.it:587+
tiscali.cz|Tiscali|tiscali.cz wo.cz worldonline.cz worldmail.cz|pop3:pop3.mail.tiscali.cz:110- smtp:smtp.mail.tiscali.cz:25-
tiscali.it|Tiscali Mail|tiscali.it|imap:imap.tiscali.it:993= pop3:pop.tiscali.it:995= smtp:smtp.tiscali.it:465=
umich.edu|University of Michigan|umich.edu|imap:imap.gmail.com:993= smtp:smtp.gmail.com:465=
uol.com.br|UOL|uol.com.br|pop3:pop3.uol.com.br:995=L imap:imap.uol.com.br:993=L smtp:smtps.uol.com.br:587+L
verizon.net|Verizon Online|verizon.net|imap:imap.aol.com:993= pop3:pop.aol.com:995= smtp:smtp.aol.com:465=
virgilio.it|Virgilio Mail|virgilio.it|imap:in.virgilio.it:993= pop3:in.virgilio.it:995= smtp:out.virgilio.it:465=
virgin.net|Virgin.net: Virgin Media Mail|virgin.net|imap:imap4.virgin.net:993= pop3:pop.virgin.net:995= smtp:smtp.virgin.net:465=
virginmedia.com|Virgin Media Mail|virginmedia.com|imap:imap.virginmedia.com:993= pop3:pop3.virginmedia.com:995= smtp:smtp.virginmedia.com:465=
vm.aikis.or.jp|aikis|vm.aikis.or.jp|pop3:mail.aikis.or.jp:995=L smtp:mail.aikis.or.jp:587+L
vodafonemail.de|Vodafone|vodafonemail.de arcor.de kabelmail.de|imap:imap.vodafonemail.de:993= pop3:pop3.vodafonemail.de:995= smtp:smtp.vodafonemail.de:465=
vp.tiki.ne.jp|TikiTikiインターネット|vp.tiki.ne.jp|pop3:vp.tiki.ne.jp:110-L smtp:vs.tiki.ne.jp:587-
web.de|WEB.DE Freemail|web.de|imap:imap.web.de:993=L imap:imap.web.de:143+L pop3:pop3.web.de:995=L pop3:pop3.web.de:110+L smtp:smtp.web.de:465=L smtp:smtp.web.de:587+L
webhuset.no|Webhuset|webhuset.no|imap:imap.webhuset.no:993= pop3:mail.webhuset.no:995= smtp:smtp.webhuset.no:465= smtp:smtp.webhuset.no:587+
websupport.sk|WebSupport|websupport.sk|imap:imap.websupport.sk:993= imap:imap.websupport.sk:143+ pop3:pop.websupport.sk:995= pop3:pop.websupport.sk:110+ smtp:smtp.websupport.sk:465= smtp:smtp.websupport.sk:25+
wildwestdomains.com|Your WildWest domain|- secureserver.net|pop3:pop.secureserver.net:995= imap:imap.secureserver.net:993= smtp:smtpout.secureserver.net:465=
wp.pl|Poczta Wirtualna Polska|wp.pl|imap:imap.wp.pl:993=L pop3:pop3.wp.pl:995=L smtp:smtp.wp.pl:465=L
xp.wind.jp|群馬インターネット|xp.wind.jp|pop3:xp.wind.jp:110-L smtp:xp.wind.jp:587-L
xtra.co.nz|Xtra Mail|xtra.co.nz|imap:imap.xtra.co.nz:993= pop3:pop3.xtra.co.nz:995= smtp:send.xtra.co.nz:465=
yahoo.co.jp|Yahoo! メール|yahoo.co.jp|pop3:pop.mail.yahoo.co.jp:995=L smtp:smtp.mail.yahoo.co.jp:465=L
yahoo.com|Yahoo! Mail|yahoo.com yahoo.ca yahoo.de yahoo.it yahoo.fr yahoo.es yahoo.se yahoo.co.in yahoo.co.uk yahoo.co.nz yahoo.com.au yahoo.com.ar yahoo.com.br yahoo.com.mx ymail.com myyahoo.com rocketmail.com cox.net mail.am0.yahoodns.net am0.yahoodns.net yahoodns.net|imap:imap.mail.yahoo.com:993= imap:export.imap.mail.yahoo.com:993= pop3:pop.mail.yahoo.com:995= smtp:smtp.mail.yahoo.com:465=
yandex.ru|Yandex Mail|yandex.ru yandex.com yandex.net yandex.by yandex.kz yandex.ua ya.ru narod.ru|imap:imap.yandex.com:993= pop3:pop.yandex.com:995= smtp:smtp.yandex.com:465=
ybb.ne.jp|Yahoo! BB|ybb.ne.jp|pop3:ybbpop.mail.yahoo.co.jp:995=L smtp:ybbsmtp.mail.yahoo.co.jp:465=L
yeah.net|yeah.net|yeah.net|imap:imap.yeah.net:993= smtp:smtp.yeah.net:465=
zeelandnet.nl|ZeelandNet e-mail|zeelandnet.nl|imap:mail.zeelandnet.nl:993=L pop3:mail.zeelandnet.nl:995=L smtp:mail.zeelandnet.nl:465=L
ziggo.nl|Ziggo Mail|ziggo.nl hahah.nl ziggomail.com casema.nl zinders.nl zeggis.nl zeggis.com razcall.nl razcall.com upcmail.nl chello.nl multiweb.nl home.nl quicknet.nl|imap:imap.ziggo.nl:993= pop3:pop.ziggo.nl:995= smtp:smtp.ziggo.nl:587+
zoho.com|Zoho Mail - US|zoho.com zohomail.com|imap:imap.zoho.com:993= pop3:pop.zoho.com:995= smtp:smtp.zoho.com:465= smtp:smtp.zoho.com:587+
zoho.com.au|Zoho Mail - Australia|zoho.com.au zohomail.com.au|imap:imap.zoho.com.au:993= pop3:pop.zoho.com.au:995= smtp:smtp.zoho.com.au:465= smtp:smtp.zoho.com.au:587+
zoho.eu|Zoho Mail - Europe|zoho.eu zohomail.eu|imap:imap.zoho.eu:993= pop3:pop.zoho.eu:995= smtp:smtp.zoho.eu:465= smtp:smtp.zoho.eu:587+
zoho.in|Zoho Mail - India|zoho.in zohomail.in|imap:imap.zoho.in:993= pop3:pop.zoho.in:995= smtp:smtp.zoho.in:465= smtp:smtp.zoho.in:587+
zoho.jp|Zoho Mail - Japan|zoho.jp zohomail.jp|imap:imap.zoho.jp:993= pop3:pop.zoho.jp:995= smtp:smtp.zoho.jp:465= smtp:smtp.zoho.jp:587+
zohocloud.ca|Zoho Mail - Canada|zohocloud.ca zohomailcloud.ca|imap:imap.zohocloud.ca:993= pop3:pop.zohocloud.ca:995= smtp:smtp.zohocloud.ca:465= smtp:smtp.zohocloud.ca:587+
"""
