"""Names of invented people, from many cultures, and the words of an invented university.

Every list is plain data. Names are combined at random; any likeness to a living person is chance.
"""

from __future__ import annotations

_GIVEN = """
James Mary Robert Linda Michael Susan David Karen Thomas Nancy Daniel Emily Matthew Grace Andrew Hannah Joshua
Olivia Ethan Chloe Tyler Megan Aaliyah Jamal Keisha Darnell Imani Malik Tyrone Latoya José María Luis Sofía
Alejandro Lucía Andrés Íñigo Beatriz Joaquín Ximena Ángel Núria Jordi Iker João Inês Tiago Beatriz Thaís Luiz
Conceição François Chloé Élodie Jérôme Anaïs Gaëlle Loïc Zoé Léa Hélène Jürgen Käthe Björn Günther Sören
Anneliese Heike Wolfgang Giulia Niccolò Lorenzo Chiara Åsa Göran Øyvind Søren Bjørg Þórunn Sigríður Aino Väinö
Kalevi Łukasz Małgorzata Zbigniew Agnieszka Jiří Božena Zdeněk Šárka Đorđe Željko Snežana Nikolina László Zsófia
Ágnes Gergő Ștefan Ioana Răzvan Olena Taras Oksana Dmytro Yulia Ivan Svetlana Aleksandr Nino Giorgi Anahit
Tigran Mehmet Ayşe Çağla Gökhan Özlem Yusuf Fatima Ahmed Layla Omar Noor Khalid Zaynab Hassan Maryam Tariq Reza
Parisa Shirin Farhad Aviva Noam Yael Eitan Priya Arjun Ananya Rohan Lakshmi Vikram Deepa Sanjay Kavita Harpreet
Gurpreet Nasreen Tahmina Rafiqul Nimali Kasun Sunita Bishnu Tenzin Wei Xin Mei Jun Hao Yifan Xiaoling Jiahui
Zhiyuan Min-jun Ji-woo Seo-yeon Hyun-woo Haruka Kenji Yuki Takeshi Sakura Ren Linh Minh Thanh Hương Đức Somchai
Nattaya Aung Thiri Putri Agus Dewi Budi Siti Farid Maria-Teresa Jun-Mark Tala Kwame Akosua Kofi Ama Chidi Ngozi
Oluwaseun Adaeze Tunde Amara Abebe Tigist Selam Wanjiru Kamau Achieng Otieno Nomvula Thabo Sipho Lerato Zanele
Mamadou Aïssatou Fatou Ousmane Moana Tane Leilani Sina Ioane Jean-Pierre Anne-Sophie Mary-Kate Karl-Heinz Ana-Maria
 D'Angelo Siobhán Seán Aoife Ciarán Niamh Rhys Llŷr Catrin Iain
"""
_FAMILY = """
Smith, Johnson, Brown, Jones, Miller, Davis, Wilson, Anderson, Taylor, Moore, Jackson, White, Harris, Clark,
Lewis, Walker, Young, Allen, King, Wright, Hill, Green, Baker, Carter, Washington, Jefferson, Freeman, Booker,
García, Rodríguez, Martínez, Hernández, López, González, Pérez, Sánchez, Ramírez, Núñez, Muñoz, Peña, Ibáñez,
García-López, Fernández de Córdoba, de la Cruz, Silva, Santos, Oliveira, Conceição, dos Santos, Gonçalves,
Magalhães, Araújo, Dubois, Lefèvre, Béranger, Désiré, Le Goff, de Villiers, Saint-Clair, Müller, Schröder, Groß,
Weiß, von Arnim, von der Heide, Köhler, Jäger, van den Berg, van der Meer, de Vries, ter Haar, 't Hooft, De
Smet, Rossi, Esposito, D'Amico, Di Pietro, Lo Bianco, Lindström, Åkesson, Sjöberg, Østergaard, Sørensen, Møller,
Þórðarson, Jónsdóttir, Virtanen, Hämäläinen, Kowalska, Wójcik, Łopuszański, Dvořák, Nováková, Říha, Horváth,
Szabó, Kőszegi, Popescu, Țurcanu, Petrović, Đokić, Šimunović, Shevchenko, Kovalenko, Ivanova, Petrov, Beridze,
Hakobyan, Yılmaz, Öztürk, Çelik, Şahin, Al-Hassan, al-Rashid, El Amrani, Benali, Haddad, Khoury, Abu Zayd,
Ben-David, Cohen, Levi, Hosseini, Rahimi, Ahmadi, Khan, Malik, Chaudhry, Patel, Sharma, Singh, Kaur, Iyer, Nair,
Reddy, Banerjee, Mukhopadhyay, Das, Rahman, Hossain, Perera, Wickramasinghe, Gurung, Thapa, Wang, Li, Zhang,
Liu, Chen, Yang, Huang, Zhao, Wu, Ouyang, Kim, Lee, Park, Choi, Jung, Sato, Suzuki, Takahashi, Tanaka, Nguyễn,
Trần, Lê, Phạm, Đặng, Srisawat, Wongsuwan, Win, Htun, Wijaya, Santoso, Nugroho, bin Abdullah, Reyes, Dela Cruz,
Villanueva, Mensah, Owusu, Asante, Okafor, Adeyemi, Okonkwo, Balogun, Tesfaye, Bekele, Haile, Wanjiku, Mwangi,
Odhiambo, Nkosi, Dlamini, Mokoena, van Rensburg, Diallo, Ndiaye, Traoré, Coulibaly, Keïta, Tupou, Leota,
Kahananui, O'Brien, O'Sullivan, Ó Murchú, Mac Giolla, MacDonald, McAllister, Fitzgerald, ap Rhys, Llewellyn, St.
John, Smith-Okafor, Chen-Williams, Nguyen-Roy, Ruiz y Picón, Ekström-Laine, Abdel Nour, Santa Maria, Whitecloud,
Begay, Yazzie
"""

GIVEN_NAMES = tuple(_GIVEN.split())
FAMILY_NAMES = tuple(name.strip() for name in _FAMILY.replace("\n", " ").split(","))

AFFILIATIONS = ("student", "faculty", "staff")

SCHOOLS = {
    "Arts and Sciences": "History,Chemistry,Anthropology,Languages,Political Science,Earth Sciences",
    "Engineering": "Civil Engineering,Computer Science,Mechanical Engineering,Materials",
    "Public Health": "Epidemiology,Global Health,Health Policy",
    "Medicine": "Surgery,Paediatrics,Infectious Diseases,Nursing",
    "Business": "Finance,Management,Marketing",
    "Law": "Law",
    "International Affairs": "Development Practice,Security Policy,Human Rights",
    "Journalism": "Journalism",
    "Climate and Environment": "Climate,Ecology,Oceanography",
    "Administration": "Provost's Office,Global Programs,Alumni Relations",
}

_AREAS = "201 202 203 212 215 301 303 305 310 312 314 332 347 404 415 503 512 516 551 603 609 617 646 651 702 718"
AREA_CODES = tuple(_AREAS.split())
"""Area codes before the fictional exchange 555-01xx, reserved for invented numbers."""

PROPERTY_PATTERNS = (
    "Harbour Hotel {}", "Grand {} Hotel", "{} Garden Inn", "Station Hotel {}", "The Invented Hotel {}",
    "University Guest House {}", "Residence {}", "{} Plaza Suites", "Old Town Hostel {}", "Riverside Lodge {}",
)  # fmt: skip

TRIP_NAMES = (
    "Conference in {}", "Field work, {}", "Archive visit {}", "Workshop {}", "Guest lecture, {}", "{} partner meeting",
    "Summer programme {}", "Data collection {}", "Recruiting {}", "{}",
)  # fmt: skip

GROUP_TRIP_NAMES = ("Study tour {}", "Spring practicum {}", "Service learning in {}", "Choir tour {}")
