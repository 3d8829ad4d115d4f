"""Word lists that invented people and companies are composed from.

First and last names are paired within one culture, so that a person sounds like somebody; which pairs come
together is left to chance, so that nobody is anybody.
"""

from __future__ import annotations

__all__ = ["CITIES", "COMPANY_FORMS", "COMPANY_HEADS", "COMPANY_TAILS", "CULTURES"]

Culture = tuple[tuple[str, ...], tuple[str, ...]]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _culture(first: str, last: str) -> Culture:
    return _words(first), _words(last)


CULTURES: tuple[Culture, ...] = (
    _culture(
        "Zuzana Matej Katarína Juraj Ľubica Tomáš Žofia Štefan Lucia Dušan",
        "Hraško Kováčik Bielik Sokolová Vrábel Jablonský Ďurica Mlynár Šimko Čierny",
    ),
    _culture(
        "Eliška Ondřej Markéta Vojtěch Božena Jiří Tereza Kryštof Alžběta Řehoř",
        "Zelenka Vondrák Holubová Krejčí Dvořáček Suchánek Říha Bartůněk Kubišta",
    ),
    _culture(
        "Agnieszka Bartosz Łucja Mikołaj Zofia Paweł Jagoda Szymon Wanda Kacper",
        "Wróblik Zielonka Dąbrowiec Lisowski Gołąb Jeżyna Świerk Brzoza Krukowska Miodek",
    ),
    _culture(
        "Annika Jürgen Lieselotte Matthias Käthe Florian Heike Sören Ulrike Björn",
        "Birkenfeld Steinhöfer Waldmüller Grünbach Rosenau Dorfmeister Kranich Ahornsen",
    ),
    _culture(
        "Amélie Théo Océane Mathieu Inès Loïc Noémie Gaëtan Chloé Rémi",
        "Beaulieu Montclair Desrosiers Lafontaine Vauquelin Petitbois Delorme Sauvageot Mirabel",
    ),
    _culture(
        "Lucía Íñigo Ximena Andrés Nuria Joaquín Begoña Álvaro Marisol Rubén",
        "Valdecasas Ibáñez Peñalver Quiroga Olmedo Carrascosa Zabaleta Montalbán Azcona Lucero",
    ),
    _culture(
        "Inês João Beatriz Thiago Conceição Rui Fernanda Gonçalo Luana Davi",
        "Figueiredo Brandão Magalhães Sequeira Vilaça Cordeiro Paixão Bragança Assunção Falcão",
    ),
    _culture(
        "Ginevra Niccolò Chiara Lorenzo Fiamma Matteo Ilaria Tommaso Rosalba Dario",
        "Belvedere Montefiore Castagna Rondinella Valdossola Serracapri Fiordalisi Pineta Solari Granata",
    ),
    _culture(
        "Åsa Linnéa Håkan Freja Mikkel Ingrid Øystein Astrid Søren Eirik",
        "Björkdal Lindgård Ekström Nordskov Solbakken Fjällström Holmqvist Rønning Ågård Stensvik",
    ),
    _culture(
        "Aino Väinö Kaisa Eero Päivi Juhani Sanna Onni Riikka Tuomas",
        "Koivuniemi Mäntylä Järvelä Lehtovaara Kuusisaari Pihlaja Hirvikallio Saarenmaa Ojanperä Tuulikangas",
    ),
    _culture(
        "Élodie Bence Zsófia Márton Réka Gergő Ágnes Lőrinc Boglárka Ákos",
        "Szőllősi Kerekes Várhegyi Gyöngyösi Halmos Pataki Őszi Faragó Csillag Tölgyes",
    ),
    _culture(
        "Olena Taras Oksana Bohdan Yaryna Ostap Solomiya Danylo Kateryna Maksym",
        "Kalynenko Vyshnevets Sokolenko Dubrovyk Zorianchuk Yavoriv Lisovyi Berezhna Hrushko Stepanyshyn",
    ),
    _culture(
        "Eleni Nikos Despina Stavros Kalliopi Yannis Ariadne Petros Zoe Lefteris",
        "Elaiopoulos Thalassinos Petridakis Kyparissis Melissanidou Anemoyiannis Vounakis Kallistou",
    ),
    _culture(
        "Ayşe Emre Gülşah Kerem Zeynep Oğuz Elif Çağlar İrem Barış",
        "Yıldırımlı Çınarcı Gündoğdu Karadenizli Şahinbaş Ormancı Denizaşan Güneşlik Toprakoğlu Ilgaz",
    ),
    _culture(
        "Layla Karim Nour Tariq Samira Youssef Amal Rashid Huda Ziad",
        "Al-Bustani Haddadin Qasimi El-Warda Nakhlawi Bahrawi Al-Zaytouni Safsafi Jabalani Darwazeh",
    ),
    _culture(
        "Noa Eitan Shira Amit Tamar Yonatan Hadas Lior Yael Oren",
        "Alonim Bar-Ilanot Shaked Zohar-Levanon Gefner Etzioni Harduf Ben-Teva Oranim Nitzan",
    ),
    _culture(
        "Ananya Rohan Kavya Arjun Meenakshi Vikram Ishita Siddharth Lakshmi Pranav",
        "Devanathan Chandrapuri Mehrotia Kulkarnekar Banyanwala Iyengari Rathodia Saxenath Bhattarya",
    ),
    _culture(
        "Xiuying Haoran Meiling Zihan Yutong Jianhong Lihua Weimin Qingyu Ruoxi",
        "Ouyang Shangguan Linhai Zhuqing Songbai Heshan Baiyun Meihua Tangxi Luhe",
    ),
    _culture(
        "Haruka Ren Chiyo Daichi Yui Kenshin Sakura Takumi Aoi Hayato",
        "Takemori Hoshikawa Kazehaya Mizunoe Shirayuki Asagiri Kurobane Yamabuki Tsukimi Midorikawa",
    ),
    _culture(
        "Ji-woo Min-jun Seo-yeon Ha-neul Do-yun Ye-rin Tae-yang Soo-ah Jae-won Eun-bi",
        "Namgung Seonu Dokgo Hwangbo Jegal Sagong Dongbang Mangjeol Gangjeon",
    ),
    _culture(
        "Ngọc Minh Thảo Đức Hương Quang Tuyết Khánh Lan Bảo",
        "Trúc-Lâm Hoàng-Sơn Đào-Viên Tùng-Bách Nguyệt-Hà Phượng-Vỹ Liên-Hoa Thạch-Giang Vân-Đình",
    ),
    _culture(
        "Adaeze Babatunde Ngozi Olumide Chiamaka Femi Yewande Ikenna Temitope Obinna",
        "Okonjaye Adeyinwa Nwachuku-Odo Oluwaseyi Ezenwanyi Akinwande Ifeanyichi Udokafor Falolade",
    ),
    _culture(
        "Wanjiru Baraka Akinyi Juma Neema Kiptoo Zawadi Otieno Makena Tumaini",
        "Kamaundu Njorogeni Wekesani Mutisola Cheruitot Odhiamboro Nyambutara Kilonzwe Barasango Mwendandu",
    ),
    _culture(
        "Selam Dawit Hiwot Tesfaye Meron Yonas Bethlehem Abel Tigist Girma",
        "Abebayehu Woldetsadik Mengistab Haileyes Gebrewold Tadesselu Kebedawi Alemtsega Desalew",
    ),
    _culture(
        "Ximena Quetzal Itzel Nayeli Tupac Amaru Inti Killari Yolotl Citlali",
        "Huamaní-Roca Quispelara Tlacuilo Ixchelar Condorpuma Xochimil Mamaniri Yupanquiro Cuauhteman",
    ),
    _culture(
        "Saoirse Rhys Niamh Alasdair Bronwen Cillian Eilidh Gethin Aoife Fergus",
        "O'Marrigan Pembridge MacTorran Llanwyn Ó-Fiachna Thistlewood Glenmorrin Ashcombe Harrowgate",
    ),
    _culture(
        "Madison Jayden Harper Marcus Savannah Tyrell Brooklyn Wyatt Imani Logan",
        "Fairweather Blackwillow Summerfield Oakhurst Stonebridge Hollowell Ravenscroft Goodmeadow Larkspur",
    ),
    _culture(
        "Leilani Kaimana Tāne Marama Sefina Manaia Nalani Keoni Aroha Tavita",
        "Kahananui Moanaroa Tāwhirimata Fa'alava Pohutukawa Makoaloha Waimarie Tuiasoa Hōkūleʻa Ngarimu-Tai",
    ),
)

CITIES: tuple[tuple[str, str], ...] = (
    ("Bratislava", "Slovakia"), ("Košice", "Slovakia"), ("Žilina", "Slovakia"), ("Prague", "Czechia"),
    ("Brno", "Czechia"), ("Kraków", "Poland"), ("Gdańsk", "Poland"), ("Vienna", "Austria"),
    ("Graz", "Austria"), ("Berlin", "Germany"), ("München", "Germany"), ("Zürich", "Switzerland"),
    ("Lyon", "France"), ("Nantes", "France"), ("València", "Spain"), ("Lisboa", "Portugal"),
    ("Porto", "Portugal"), ("Torino", "Italy"), ("Göteborg", "Sweden"), ("Århus", "Denmark"),
    ("Tampere", "Finland"), ("Tallinn", "Estonia"), ("Budapest", "Hungary"), ("Kyiv", "Ukraine"),
    ("Thessaloniki", "Greece"), ("İzmir", "Türkiye"), ("Tel Aviv", "Israel"), ("Amman", "Jordan"),
    ("Dubai", "United Arab Emirates"), ("Bengaluru", "India"), ("Pune", "India"), ("Singapore", "Singapore"),
    ("Hà Nội", "Vietnam"), ("Busan", "South Korea"), ("Osaka", "Japan"), ("Taipei", "Taiwan"),
    ("Lagos", "Nigeria"), ("Nairobi", "Kenya"), ("Addis Ababa", "Ethiopia"), ("Cape Town", "South Africa"),
    ("São Paulo", "Brazil"), ("Bogotá", "Colombia"), ("Guadalajara", "Mexico"), ("Montréal, QC", "Canada"),
    ("Austin, TX", "United States"), ("San Francisco, CA", "United States"), ("Boise, ID", "United States"),
    ("Leeds", "United Kingdom"), ("Galway", "Ireland"), ("Wellington", "New Zealand"),
)  # fmt: skip

COMPANY_HEADS = _words(
    "Alder Bramble Cinder Dapple Ember Fennel Gossamer Hazel Indigo Juniper Kestrel Lantern Marrow Nettle "
    "Otter Pebble Quill Russet Sorrel Thicket Umber Velvet Willow Yarrow Zephyr Copper Drift Harbour"
)
COMPANY_TAILS = _words("loom forge haven works path field stack wharf grove spindle beam crest weave mill bridge")
COMPANY_FORMS = (
    "",
    " Labs",
    "",
    " Systems",
    "",
    " & Sons",
    " s.r.o.",
    " GmbH",
    " Ltd",
    " Group",
    " Robotics",
)
