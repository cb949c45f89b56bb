"""A realistic organisation, the same on every run: two merged companies, on Okta and Entra ID."""

from __future__ import annotations

import random
import unicodedata
import uuid
from dataclasses import dataclass, field

SEED = 20260203
PEOPLE = 2400

GIVEN = """
Aaliyah Adrián Agnieszka Ahmed Aiko Alejandra Alice Amara Amélie Anders Anjali Anna Antoine Ayşe
Beatriz Benjamin Björn Camille Carlos Chiara Chloé Clara Daniel Deepa Diego Dmitri Elena Elif Emil
Emma Erik Fatima Felix Fiona Francesca François Freja Gabriel Giulia Grace Hannah Haruto Henrik
Ibrahim Ines Ingrid Isabel Ivan Jakub James Jana Joana João José Julia Kaito Karim Katarzyna Kofi
Lars Laura Layla Léa Leo Liam Lin Lucía Luca Łukasz Maja Malik Marco María Marta Mateo Matthias
Maya Mei Mikael Mina Mohammed Nadia Naomi Nikhil Nina Noah Nora Oleg Olivia Oscar Paolo Paula
Pedro Petra Priya Rafael Rania Ravi Renée Rosa Samuel Sana Sara Sean Siân Simon Sofia Søren Stefan
Sven Takumi Tariq Teresa Thandiwe Thomas Tomáš Valentina Vera Viktor Wei William Yara Yusuf Zara
Zoë
""".split()

FAMILY = """
Abebe Adeyemi Almeida Álvarez Andersen Bakker Bauer Becker Berg Bianchi Björk Brown Castro Chen
Clarke Colombo Costa Cruz Davies Dąbrowski Delgado Demir Dubois Eriksson Esposito Fernández
Ferrari Fischer Fournier Garcia Gómez González Gupta Haas Hansen Hassan Hernández Hoffmann Horváth
Hughes Ibrahim Ivanova Iyer Jansen Jensen Johansson Jones Kamara Kaplan Kaya Keller Khan Kim Klein
Kovács Kowalski Kumar Larsen Laurent Lefèvre Lindberg Lindqvist López Marino Martin Martínez Mehta
Mensah Meyer Moreau Morgan Müller Murphy Nakamura Ndlovu Németh Nguyen Nielsen Novák Nowak O'Brien
O'Connor Okafor Olsen Osei Pereira Petit Petrov Popescu Ramírez Rao Reid Ricci Richter Rossi Roux
Ruiz Sánchez Santos Sato Schmidt Schneider Schulz Sharma Silva Singh Smith Sørensen Suzuki
Svensson Tanaka Torres Usman van-Dijk Vargas Vogel Wagner Walker Wang Weber Williams Wilson Wójcik
Wolf Yamamoto Yıldız Zhang Zieliński
""".split()

SITES = [  # name, country, locale, time zone
    ("Hamburg", "DE", "de-DE", "Europe/Berlin"),
    ("Rotterdam", "NL", "nl-NL", "Europe/Amsterdam"),
    ("Dublin", "IE", "en-IE", "Europe/Dublin"),
    ("Singapore", "SG", "en-SG", "Asia/Singapore"),
    ("Gdańsk", "PL", "pl-PL", "Europe/Warsaw"),
    ("Valencia", "ES", "es-ES", "Europe/Madrid"),
    ("Oakland", "US", "en-US", "America/Los_Angeles"),
    ("Yokohama", "JP", "ja-JP", "Asia/Tokyo"),
]

DEPARTMENTS = {  # name: share of the people, teams
    "Operations": (0.30, ["Port Control", "Dispatch", "Yard Planning", "Night Shift", "Customs"]),
    "Engineering": (0.18, ["Platform", "Tracking", "Booking", "Mobile", "Data", "Reliability"]),
    "Sales": (0.13, ["Key Accounts", "Inside Sales", "Partners"]),
    "Customer Service": (0.12, ["First Line", "Claims", "Enterprise Desk"]),
    "Finance": (0.07, ["Accounting", "Treasury", "Payroll"]),
    "Fleet Maintenance": (0.06, ["Workshop", "Inspection"]),
    "People": (0.04, ["Recruiting", "Learning"]),
    "IT": (0.04, ["Service Desk", "Networks", "Workplace"]),
    "Legal": (0.02, ["Compliance"]),
    "Marketing": (0.02, ["Brand", "Web"]),
    "Security": (0.01, ["Incident Response", "Identity"]),
    "Executive Office": (0.01, ["Strategy"]),
}

COMPANIES = {
    "okta": ("Meridian Freight", "meridian.example"),
    "entra": ("Halcyon Marine", "halcyon.example"),
}

TITLES = ["Associate", "Specialist", "Senior Specialist", "Lead", "Manager", "Director"]

# Groups that carry access to accounts: name, department (None: anyone), share of it, at least.
ACCESS = [
    ("aws-platform-administrators", "Engineering", 0.03, 6),
    ("aws-production-readers", "Engineering", 0.60, 20),
    ("aws-production-operators", "Engineering", 0.12, 10),
    ("aws-staging-developers", "Engineering", 0.85, 30),
    ("aws-sandbox-users", None, 0.20, 50),
    ("aws-data-analysts", "Finance", 0.40, 8),
    ("aws-billing-readers", "Finance", 0.25, 5),
    ("aws-security-auditors", "Security", 1.00, 3),
    ("aws-network-administrators", "IT", 0.20, 3),
    ("aws-break-glass", "Security", 0.20, 2),
]


@dataclass
class Person:
    """One employee as both IdPs know them. Index 0 of a company is its chief executive."""

    index: int
    idp: str
    external_id: str
    user_name: str
    given_name: str
    family_name: str
    title: str
    department: str
    team: str
    site: str
    country: str
    locale: str
    timezone: str
    employee_number: str
    cost_center: str
    organization: str
    manager: int | None = None
    active: bool = True
    user_id: str = ""

    @property
    def display_name(self) -> str:
        return f"{self.given_name} {self.family_name}"


@dataclass
class Group:
    """A group of one company; members are indexes into Organization.people."""

    idp: str
    external_id: str
    name: str
    description: str
    members: list[int] = field(default_factory=list)
    group_id: str = ""


@dataclass
class Organization:
    people: list[Person]
    groups: list[Group]

    def of(self, idp: str) -> tuple[list[Person], list[Group]]:
        """The people and groups that one IdP pushes."""
        return (
            [person for person in self.people if person.idp == idp],
            [group for group in self.groups if group.idp == idp],
        )

    def group(self, idp: str, name: str) -> Group:
        return next(g for g in self.groups if g.idp == idp and g.name == name)

    def groups_of(self, person: Person) -> list[Group]:
        return [group for group in self.groups if person.index in group.members]


def ascii_local_part(given: str, family: str) -> str:
    """The local part of an address: "Łukasz O'Brien" gives "lukasz.obrien"."""
    table = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ı": "i", "đ": "d", "ß": "ss"})
    text = unicodedata.normalize("NFKD", f"{given}.{family}".translate(table))
    return "".join(c for c in text if c.isascii() and (c.isalnum() or c in ".-")).lower()


def generate(people: int = PEOPLE, seed: int = SEED) -> Organization:
    """The organisation of a seed. Two calls with the same arguments give equal organisations."""
    chance = random.Random(seed)
    staff: list[Person] = []
    groups: list[Group] = []
    for idp, share in (("okta", people - people // 2), ("entra", people // 2)):
        company = _people(chance, idp, share, first=len(staff))
        staff += company
        groups += _groups(chance, idp, company)
    return Organization(staff, groups)


def _identifier(chance: random.Random, idp: str, kind: str) -> str:
    if idp == "entra":
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return kind + "".join(chance.choice(letters) for _ in range(17))


def _people(chance: random.Random, idp: str, count: int, first: int) -> list[Person]:
    company, domain = COMPANIES[idp]
    departments = list(DEPARTMENTS)
    weights = [DEPARTMENTS[name][0] for name in departments]
    taken: set[str] = set()
    result: list[Person] = []
    for number in range(count):
        given, family = chance.choice(GIVEN), chance.choice(FAMILY)
        local = ascii_local_part(given, family)
        suffix = 2
        while local in taken:
            local = f"{ascii_local_part(given, family)}{suffix}"
            suffix += 1
        taken.add(local)
        # Everybody of the first dozen leads one department.
        department = (
            departments[number] if number < len(departments)
            else chance.choices(departments, weights)[0]
        )
        site, country, locale, timezone = chance.choice(SITES)
        level = 5 if number < len(departments) else chance.choices(range(5), (40, 30, 15, 10, 5))[0]
        result.append(Person(
            index=first + number, idp=idp,
            external_id=_identifier(chance, idp, "00u"),
            user_name=f"{local}@{domain}", given_name=given, family_name=family.replace("-", " "),
            title=f"{TITLES[level]}, {department}", department=department,
            team=chance.choice(DEPARTMENTS[department][1]),
            site=site, country=country, locale=locale, timezone=timezone,
            employee_number=f"{idp[0].upper()}{10000 + number}",
            cost_center=f"{100 + departments.index(department)}-{country}",
            organization=company,
            manager=None if number == 0 else first + (
                0 if number < len(departments) else departments.index(department)),
            active=number < 20 or chance.random() > 0.03))
    return result


def _groups(chance: random.Random, idp: str, company: list[Person]) -> list[Group]:
    name, _ = COMPANIES[idp]
    short = name.split()[0]
    result: list[Group] = []

    def add(title: str, description: str, members: list[Person]) -> None:
        if members:
            result.append(Group(
                idp, _identifier(chance, idp, "00g"), title, description,
                [person.index for person in members]))

    add(f"{short} Everyone", f"All employees of {name}", company)
    for site, *_ in SITES:
        add(f"{short} {site}", f"Employees in {site}", [p for p in company if p.site == site])
    for department, (_, teams) in DEPARTMENTS.items():
        inside = [p for p in company if p.department == department]
        add(f"{short} {department}", f"Department {department}", inside)
        add(f"{short} {department} Managers", f"Managers in {department}",
            [p for p in inside if p.title.startswith(("Manager", "Director"))])
        for team in teams:
            add(f"{short} {department} / {team}", f"Team {team}",
                [p for p in inside if p.team == team])
    for title, department, share, least in ACCESS:
        pool = [p for p in company if department in (None, p.department) and p.active]
        size = min(len(pool), max(least, round(len(pool) * share)))
        # The head of the department is always in, so that the story knows whom to ask.
        members = pool[:1] + chance.sample(pool[1:], max(0, size - 1))
        add(f"{title}-{short.lower()}", f"Access: {title}", members)
    for number in range(1, 15):
        add(f"{short} Project {number:02}", f"Project {number:02}",
            chance.sample(company, chance.choice([3, 5, 8, 13, 21, 34, 55])))
    return result
