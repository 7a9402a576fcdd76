"""Where the synthetic travellers go: airports with a popularity weight and the city's English name.

The codes are real IATA codes, so that places resolve; positions and time zones come from airportsdata. The
weights are invented. One line a country: ISO 3166-1 alpha-2, then ``IATA weight City`` entries.
"""

from __future__ import annotations

DESTINATIONS = """
US|JFK 12 New York;EWR 5 Newark;BOS 16 Boston;ORD 22 Chicago;LAX 24 Los Angeles;SFO 24 San Francisco;IAD 18 Washington
US|ATL 12 Atlanta;DFW 9 Dallas;DEN 12 Denver;SEA 12 Seattle
US|MIA 12 Miami;PHX 7 Phoenix;MSP 6 Minneapolis;SAN 11 San Diego
US|PHL 6 Philadelphia;DTW 5 Detroit;AUS 9 Austin;MSY 8 New Orleans
US|HNL 5 Honolulu;RDU 5 Raleigh;PIT 4 Pittsburgh;ANC 1 Anchorage
CA|YYZ 22 Toronto;YUL 18 Montreal;YVR 14 Vancouver;YOW 6 Ottawa;YYC 4 Calgary;YHZ 2 Halifax
MX|MEX 20 Mexico City;CUN 6 Cancún;GDL 4 Guadalajara;MTY 4 Monterrey
MX|OAX 4 Oaxaca;TIJ 2 Tijuana;CUL 1.5 Culiacán;ACA 1.5 Acapulco
GT|GUA 4 Guatemala City
HN|SAP 1 San Pedro Sula;TGU 2 Tegucigalpa
SV|SAL 2 San Salvador
NI|MGA 1 Managua
CR|SJO 8 San José
PA|PTY 5 Panama City
CU|HAV 2 Havana
DO|SDQ 5 Santo Domingo
HT|PAP 3.6 Port-au-Prince
JM|KIN 3 Kingston
TT|POS 1 Port of Spain
BB|BGI 1 Bridgetown
BS|NAS 2 Nassau
CO|BOG 10 Bogotá;MDE 4 Medellín;CLO 1 Cali;CTG 2 Cartagena
VE|CCS 2.7 Caracas
EC|UIO 4 Quito;GYE 2 Guayaquil
PE|LIM 8 Lima;CUZ 4 Cusco
BO|LPB 2 La Paz;VVI 1 Santa Cruz
BR|GRU 12 São Paulo;GIG 9 Rio de Janeiro;BSB 3 Brasília;SSA 2 Salvador;MAO 1 Manaus;REC 1 Recife
PY|ASU 1 Asunción
UY|MVD 2 Montevideo
AR|EZE 9 Buenos Aires;COR 1 Córdoba;MDZ 1 Mendoza
CL|SCL 8 Santiago
GB|LHR 52 London;LGW 6 London;MAN 7 Manchester;EDI 9 Edinburgh
GB|GLA 3 Glasgow;BHX 3 Birmingham;BRS 2 Bristol;BFS 2 Belfast
IE|DUB 14 Dublin
FR|CDG 36 Paris;ORY 4 Paris;LYS 5 Lyon;NCE 5 Nice;MRS 3 Marseille;TLS 3 Toulouse
BE|BRU 11 Brussels
NL|AMS 19 Amsterdam
LU|LUX 2 Luxembourg
DE|FRA 14 Frankfurt am Main;MUC 13 Munich;BER 17 Berlin;HAM 6 Hamburg;DUS 4 Düsseldorf;CGN 3 Cologne;STR 2 Stuttgart
CH|ZRH 12 Zürich;GVA 12 Geneva
AT|VIE 11 Vienna
IT|FCO 18 Rome;MXP 11 Milan;VCE 7 Venice;FLR 7 Florence;NAP 3 Naples;BLQ 3 Bologna;CTA 1 Catania
ES|MAD 15 Madrid;BCN 17 Barcelona;VLC 3 Valencia;SVQ 4 Sevilla;BIO 1 Bilbao
PT|LIS 11 Lisbon;OPO 4 Porto
DK|CPH 9 Copenhagen
SE|ARN 8 Stockholm;GOT 2 Göteborg
NO|OSL 6 Oslo;BGO 2 Bergen;TOS 1 Tromsø
FI|HEL 6 Helsinki
IS|KEF 5 Reykjavík
EE|TLL 2 Tallinn
LV|RIX 1 Riga
LT|VNO 1 Vilnius
PL|WAW 6 Warsaw;KRK 4 Kraków;RZE 1 Rzeszów
CZ|PRG 8 Prague
SK|BTS 1 Bratislava
HU|BUD 6 Budapest
SI|LJU 1 Ljubljana
HR|ZAG 2 Zagreb;DBV 1 Dubrovnik
RS|BEG 2 Belgrade
BA|SJJ 1 Sarajevo
AL|TIA 1 Tirana
MK|SKP 0.6 Skopje
BG|SOF 2 Sofia
RO|OTP 3 Bucharest;CLJ 1 Cluj-Napoca
MD|RMO 0.5 Chișinău
UA|KBP 6.5 Kyiv;LWO 3.6 Lviv;ODS 0.5 Odesa
BY|MSQ 0.4 Minsk
RU|SVO 1.8 Moscow;LED 0.7 Saint Petersburg
GR|ATH 10 Athens;SKG 2 Thessaloniki
CY|LCA 2 Larnaca
MT|MLA 1 Valletta
TR|IST 11 Istanbul;ESB 2 Ankara;ADB 1 İzmir;GZT 0.5 Gaziantep
GE|TBS 2 Tbilisi
AM|EVN 1 Yerevan
AZ|GYD 1 Baku
IL|TLV 6 Tel Aviv
JO|AMM 5 Amman
LB|BEY 6.5 Beirut
SY|DAM 1.1 Damascus
IQ|BGW 2.2 Baghdad;EBL 3.6 Erbil
IR|IKA 0.5 Tehran
SA|RUH 3 Riyadh;JED 2 Jeddah
KW|KWI 1 Kuwait City
BH|BAH 1 Manama
QA|DOH 5 Doha
AE|DXB 10 Dubai;AUH 6 Abu Dhabi
OM|MCT 1 Muscat
YE|ADE 0.5 Aden
EG|CAI 6 Cairo;LXR 1 Luxor
LY|MJI 0.4 Tripoli
TN|TUN 2 Tunis
DZ|ALG 1 Algiers
MA|CMN 4 Casablanca;RAK 4 Marrakesh;RBA 2 Rabat
MR|NKC 0.5 Nouakchott
SN|DSS 3 Dakar
GM|BJL 1.1 Banjul
ML|BKO 2.5 Bamako
BF|OUA 1.8 Ouagadougou
NE|NIM 1.8 Niamey
TD|NDJ 1.4 N'Djamena
CI|ABJ 2 Abidjan
GH|ACC 6 Accra;KMS 1 Kumasi
TG|LFW 0.9 Lomé
BJ|COO 1.1 Cotonou
NG|LOS 6.5 Lagos;ABV 3.6 Abuja;KAN 0.7 Kano
CM|NSI 1.8 Yaoundé;DLA 1.8 Douala
GA|LBV 0.4 Libreville
CD|FIH 3.6 Kinshasa;GOM 1.8 Goma;FBM 0.5 Lubumbashi
CG|BZV 0.5 Brazzaville
CF|BGF 0.4 Bangui
SS|JUB 2.7 Juba
SD|PZU 0.9 Port Sudan
ET|ADD 6.5 Addis Ababa
ER|ASM 0.4 Asmara
DJ|JIB 0.9 Djibouti
SO|MGQ 0.9 Mogadishu;HGA 1.8 Hargeisa
KE|NBO 9 Nairobi;KIS 1 Kisumu;MBA 1 Mombasa
UG|EBB 4 Kampala
RW|KGL 3 Kigali
BI|BJM 1.1 Bujumbura
TZ|DAR 3 Dar es Salaam;JRO 2 Arusha;ZNZ 1 Zanzibar
MW|LLW 3.6 Lilongwe
ZM|LUN 2 Lusaka
ZW|HRE 1.8 Harare
MZ|MPM 1.8 Maputo;POL 1.4 Pemba
BW|GBE 1 Gaborone
NA|WDH 1 Windhoek
ZA|JNB 7 Johannesburg;CPT 8 Cape Town;DUR 2 Durban
MG|TNR 1.8 Antananarivo
MU|MRU 1 Port Louis
IN|DEL 13 Delhi;BOM 10 Mumbai;BLR 9 Bengaluru;MAA 4 Chennai
IN|HYD 3 Hyderabad;CCU 2 Kolkata;SXR 0.4 Srinagar;IMF 0.3 Imphal
PK|ISB 2 Islamabad;LHE 2 Lahore;KHI 1 Karachi;PEW 0.3 Peshawar
AF|KBL 1.1 Kabul
NP|KTM 4 Kathmandu
BD|DAC 3 Dhaka
LK|CMB 2 Colombo
BT|PBH 0.4 Paro
MV|MLE 0.5 Malé
UZ|TAS 1 Tashkent
KZ|ALA 1 Almaty
KG|BSZ 1 Bishkek
TJ|DYU 0.4 Dushanbe
MN|UBN 1 Ulaanbaatar
CN|PEK 11 Beijing;PVG 12 Shanghai;CAN 4 Guangzhou;SZX 3 Shenzhen;CTU 2 Chengdu;XIY 2 Xi'an
HK|HKG 8 Hong Kong
TW|TPE 6 Taipei
KR|ICN 12 Seoul;PUS 2 Busan
JP|HND 16 Tokyo;NRT 8 Tokyo;KIX 8 Osaka;FUK 2 Fukuoka;CTS 1 Sapporo
VN|HAN 4 Hanoi;SGN 5 Ho Chi Minh City
LA|VTE 0.6 Vientiane
KH|KTI 2 Phnom Penh
TH|BKK 9 Bangkok;CNX 2 Chiang Mai
MM|RGN 2.2 Yangon
MY|KUL 4 Kuala Lumpur;PEN 1 George Town
SG|SIN 10 Singapore
ID|CGK 4 Jakarta;DPS 3 Denpasar;JOG 1 Yogyakarta
PH|MNL 4 Manila;CEB 1 Cebu City;ZAM 0.3 Zamboanga
TL|DIL 0.5 Dili
PG|POM 1.1 Port Moresby
AU|SYD 10 Sydney;MEL 8 Melbourne;BNE 3 Brisbane;PER 2 Perth;ADL 1 Adelaide
NZ|AKL 4 Auckland;WLG 2 Wellington;CHC 1 Christchurch
FJ|NAN 1 Nadi
WS|APW 0.4 Apia
KI|TRW 0.5 Tarawa
VU|VLI 0.2 Port Vila
SB|HIR 0.4 Honiara
"""

HOME_AIRPORTS = {"JFK": 56, "EWR": 30, "PHL": 8, "BOS": 6}
"""Airports that the office's own people leave from, weighted: the office is in New York."""

HOMES_ELSEWHERE = {
    "LHR": 22,
    "CDG": 12,
    "DEL": 8,
    "NBO": 8,
    "AMM": 8,
    "PEK": 8,
    "SCL": 6,
    "YYZ": 10,
    "IST": 6,
    "GIG": 6,
}
"""Home airports, weighted, of the few who live and work elsewhere for the institution (S9)."""

_HUBS = """
ATL DFW ORD MIA SFO LAX IAD YYZ YVR MEX PTY BOG GRU LHR CDG AMS FRA MUC ZRH MAD LIS CPH HEL IST DOH DXB ADD
NBO JNB CAI DEL BOM SIN BKK HKG ICN HND TPE SYD AKL NAN CMN
"""
HUBS = tuple(_HUBS.split())
"""Airports where a journey without a direct flight changes planes."""

CARRIERS = {
    "US": "UA AA DL B6", "CA": "AC WS", "MX": "AM Y4", "GB": "BA VS U2", "IE": "EI", "FR": "AF", "NL": "KL", "DE": "LH",
    "CH": "LX", "AT": "OS", "BE": "SN", "IT": "AZ", "ES": "IB VY", "PT": "TP", "DK": "SK", "SE": "SK", "NO": "SK DY",
    "FI": "AY", "IS": "FI", "PL": "LO", "GR": "A3", "TR": "TK PC", "IL": "LY", "JO": "RJ", "QA": "QR", "AE": "EK EY",
    "SA": "SV", "EG": "MS", "MA": "AT", "ET": "ET", "KE": "KQ", "RW": "WB", "ZA": "SA", "IN": "AI 6E", "LK": "UL",
    "CN": "CA MU CZ", "HK": "CX", "TW": "BR CI", "KR": "KE OZ", "JP": "NH JL", "VN": "VN", "TH": "TG", "MY": "MH",
    "SG": "SQ", "ID": "GA", "PH": "PR", "AU": "QF VA", "NZ": "NZ", "FJ": "FJ", "BR": "LA G3", "CL": "LA", "CO": "AV",
    "PA": "CM", "AR": "AR", "PE": "LA", "PK": "PK", "NP": "RA", "UZ": "HY", "KZ": "KC", "PG": "PX", "RO": "RO",
}  # fmt: skip
"""Airlines by country; a country without one flies with its hub's."""

RAIL_COUNTRIES = "GB FR BE NL DE CH AT IT ES PL CZ HU SE DK NO FI JP KR CN IN MA TW LU SK SI HR"
"""Countries whose neighbouring cities people reach by train."""

NIGHT_HUB_COUNTRIES = "AE QA TR ET SG IN HK TH"
"""Countries whose hubs have flights all night."""

RAIL_NAMES = {"GB": "GW", "FR": "SF", "DE": "DB", "IT": "TI", "ES": "RE", "CH": "SB", "AT": "OB", "JP": "JR"}
"""Two letters of the railway by country; others are XR."""

COUNTRY_NAMES = {
    "HK": "Hong Kong", "MM": "Myanmar", "CD": "Democratic Republic of the Congo", "CG": "Republic of the Congo",
    "CI": "Côte d'Ivoire", "BA": "Bosnia and Herzegovina", "TT": "Trinidad and Tobago", "TR": "Turkey",
}  # fmt: skip
"""English names where babel's form is not what people write."""

HISTORICAL_NAMES = {
    "BOM": "Bombay, India", "MAA": "Madras, India", "CCU": "Calcutta, India", "SGN": "Saigon, Vietnam",
    "RGN": "Rangoon, Burma", "LED": "Leningrad, Russia", "KBP": "Kiev, Ukraine", "PEK": "Peking, China",
    "IST": "Constantinople, Turkey", "ALA": "Alma-Ata, Kazakhstan", "JOG": "Jogjakarta, Indonesia",
    "BLR": "Bangalore, India", "DAC": "Dacca, Bangladesh", "PRG": "Prague, Czechoslovakia",
    "HRE": "Salisbury, Rhodesia",
    "BEG": "Belgrade, Yugoslavia", "SJJ": "Sarajevo, Yugoslavia", "CAN": "Canton, China", "GZT": "Antep, Turkey",
}  # fmt: skip
"""Old names that people still type."""

UNKNOWN_PLACES = (
    "Camp Nowhere", "Quillory Field Station", "R/V Invented Star", "tbd", "Base Camp Ostrelle", "Site 7B",
    "Lake Imaginary Research Hut", "as per attached itinerary",
)  # fmt: skip
"""Texts that no gazetteer knows."""
