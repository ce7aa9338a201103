"""Customer search by email, phone, last digits and names; only at visible stations; with any input."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts import customers, roles
from accounts.customers import Contact
from accounts.customers.blind_index import MAX_WORDS
from accounts.customers.normalization import name_words, phone_digits
from accounts.models import BlindIndex, Customer, User
from core.errors import NotPermitted
from core.validators import plain_line
from stations.models import Station
from tests.factories import StationFactory, person, staff


@pytest.fixture
def station(db: None) -> Station:
    return StationFactory(country="DE")


@pytest.fixture
def by(station: Station) -> User:
    return staff(station)


def add(station: Station, name: str, email: str = "", phone: str = "") -> Customer:
    [made] = customers.find_or_create(station, [Contact(name, email, phone)], strict=False)
    return made


@pytest.mark.parametrize(
    "q",
    [
        "ana@example.com", " ANA@Example.COM ",
        "+49 30 901820", "030 901820", "030/90-18-20", "(030) 901820", "0049 30 901820", "+49 (0)30 901820", "4930901820",
        "1820",
        "Ana", "gar", "GARCÍA", "garcia ana", "lópez", "ana gar lop", "oneil", "o'neil", "ana-garcia",
    ],
)  # fmt: skip
def test_search_finds(station: Station, by: User, q: str) -> None:
    ana = add(station, "Ana García López O'Neil", "ana@example.com", "030 901820")
    add(station, "Bob Brown", "bob@example.com", "030 901821")
    assert customers.search(by, q) == [ana]


@pytest.mark.parametrize(
    "q",
    [
        "an", "a", "an@example.com", "ana@example", "@", "0901820", "901820", "820", "11820", "820 1", "arcia", "ana bob",
        "ana garcia x", "", "   ", "*", "%", "_", "\x00", "\ud800", "\u202e", "'", "\\", "()", "+", "+++", "--",
    ],
)  # fmt: skip
def test_search_finds_nobody(station: Station, by: User, q: str) -> None:
    add(station, "Ana García", "ana@example.com", "030 901820")
    add(station, "Bob Brown", "bob@example.com")
    assert customers.search(by, q) == []


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("Li Wu", "li"), ("Li Wu", "wu li"), ("山田太郎", "山田"), ("山田太郎", "山"), ("김민수", "김"), ("김민수", "김민"),
        ("محمد علي", "محم"), ("דוד כהן", "כהן"), ("Søren", "sor"), ("Straßer", "strasse"), ("सीता", "सीत"),
        ("Room 2023", "2023"), ("Room 202", "202"),
    ],
)  # fmt: skip
def test_search_finds_short_words_and_other_scripts(station: Station, by: User, name: str, q: str) -> None:
    found = add(station, name)
    add(station, "Lisbeth Wunder")
    assert customers.search(by, q) == [found]


@pytest.mark.parametrize(
    "q", ["5550143", "555 0143", "555-0143", "25550143", "202 555 0143", "0143"]
)  # fmt: skip
def test_search_finds_a_phone_by_its_local_number(station: Station, by: User, q: str) -> None:
    american = StationFactory(country="US")
    by.stations.add(american)
    bob = add(american, "Bob", "", "(202) 555-0143")
    add(american, "Eve", "", "(202) 556-0142")
    assert customers.search(by, q) == [bob]


@pytest.mark.parametrize("q", ["+5550143", "0555 0143", "1 555 0143", "15550143", "550143", "5550142"])
def test_search_by_a_local_number_does_not_find_other_numbers(station: Station, by: User, q: str) -> None:
    add(StationFactory(country="US"), "Bob", "", "(202) 555-0143")
    add(station, "Bob", "", "+1 202 555 0143")
    assert customers.search(by, q) == []


@pytest.mark.parametrize(
    "q", ["gues", "guest", "GUEST3", "guest38", "guest38.b", "guest38.bo@", "guest38.bo@exam", "guest38.bo@EXAMPLE.com"]
)
def test_search_finds_the_beginning_of_an_email(station: Station, by: User, q: str) -> None:
    bo = add(station, "Bo Li", "guest38.bo@example.com")
    add(station, "Ana", "geusta@example.com")
    assert customers.search(by, q) == [bo]


@pytest.mark.parametrize(
    "q", ["gue", "guest39", "guest38.c", "uest38", "guest38.bo@x", "guest38.bo@example.co", "example"]
)
def test_search_by_the_beginning_of_an_email_does_not_find_others(station: Station, by: User, q: str) -> None:
    add(station, "Bo Li", "guest38.bo@example.com")
    assert customers.search(by, q) == []


def test_search_finds_a_name_and_an_email_that_begin_alike(station: Station, by: User) -> None:
    named, reached = add(station, "Guesthouse", "a@example.com"), add(station, "Bo Li", "guest38@example.com")
    assert set(customers.search(by, "guest")) == {named, reached}
    assert [customers.matched_field(one, "guest") for one in (named, reached)] == ["name", "email"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("Leo L", ["Leo Lindqvist", "Leo Li", "Leonard Leopold"]), ("L Leo", ["Leo Lindqvist", "Leo Li", "Leonard Leopold"]),
        ("Leo Li", ["Leo Lindqvist", "Leo Li"]), ("leo b", ["Leo Brown"]), ("leo b l", []), ("leo x", []), ("l b", []),
        ("leo", ["Leo Lindqvist", "Leo Li", "Leonard Leopold", "Leo Brown"]),
    ],
)  # fmt: skip
def test_search_takes_a_name_and_initials(station: Station, by: User, q: str, found: list[str]) -> None:
    for name in ("Leo Lindqvist", "Leo Li", "Leonard Leopold", "Leo Brown", "Lea Lang"):
        add(station, name)
    assert {one.name for one in customers.search(by, q)} == set(found)


def test_search_for_an_initial_looks_beyond_the_latest_hundred(station: Station, by: User) -> None:
    first = add(station, "Leo Lindqvist")
    customers.find_or_create(station, [Contact(f"Leo Brown{n}") for n in range(120)], strict=True)
    assert customers.search(by, "leo l") == [first]


@pytest.mark.parametrize("q", ["x" * 10_000, "a " * 5_000, "1" * 10_000, "@" * 10_000, "\u0301" * 10_000, "ﷺ" * 10_000])
def test_search_takes_the_longest_query(station: Station, by: User, q: str) -> None:
    add(station, "Ana García", "ana@example.com", "030 901820")
    assert customers.search(by, q) == []


def test_search_reads_invalid_phones_by_their_digits(station: Station, by: User) -> None:
    ana = add(station, "Ana", "", "555-555-5555")
    assert [customers.search(by, q) for q in ("(555) 555 5555", "5555555555", "5555", "555-5555", "555-555")] == [
        [ana], [ana], [ana], [ana], [],
    ]  # fmt: skip


def test_search_reads_a_national_number_as_of_each_station(station: Station, by: User) -> None:
    american = StationFactory(country="US")
    by.stations.add(american)
    here, there = add(station, "Ana", "", "030 901820"), add(american, "Bob", "", "(202) 555-0143")
    assert customers.search(by, "030 901820") == [here]
    assert customers.search(by, "202 555 0143") == [there]
    assert customers.search(by, "+49 30 901820") == [here]


def test_search_needs_the_right_to_personal_data(station: Station) -> None:
    add(station, "Ana García")
    with pytest.raises(NotPermitted):
        customers.search(person(roles.VIEWERS, station), "ana")


def test_search_looks_only_at_stations_the_person_sees(station: Station, by: User) -> None:
    other = StationFactory(country="DE")
    here, there = add(station, "Ana García", "ana@example.com"), add(other, "Ana García", "ana@example.com")
    for q in ("ana", "ana@example.com"):
        assert customers.search(by, q) == [here]
        assert customers.search(by, q, stations=[other]) == []
        assert customers.search(staff(other), q) == [there]
        assert customers.search(staff(), q) == []
        assert set(customers.search(roles.OPERATOR, q)) == {here, there}


def test_search_is_not_for_those_who_have_left(station: Station, by: User) -> None:
    by.is_active = False
    with pytest.raises(NotPermitted):
        customers.search(by, "ana")


def test_search_gives_the_fifty_latest(station: Station, by: User) -> None:
    contacts = [Contact(f"Ana Number{number}", f"ana{number}@example.com") for number in range(60)]
    made = customers.find_or_create(station, contacts, strict=True)
    for age, customer in enumerate(made):
        Customer.objects.filter(pk=customer.pk).update(created_at=F("created_at") - timedelta(days=age))
    assert customers.search(by, "ana") == made[:50]


def test_search_tests_hits_in_plain_text(station: Station, by: User) -> None:
    """As after a collision of digests: an index row that is not the customer's."""
    ana, bob = add(station, "Ana García", "ana@example.com", "030 901820"), add(station, "Bob Brown", "bob@example.com")
    for index in BlindIndex.objects.filter(customer=ana):
        BlindIndex.objects.create(customer=bob, station=station, digest=index.digest)
    assert [customers.search(by, q) for q in ("ana", "ana@example.com", "030 901820", "1820")] == [[ana]] * 4


def test_search_tells_long_words_apart_past_the_index(station: Station, by: User) -> None:
    one, other = add(station, "a" * 30 + "b"), add(station, "a" * 30 + "c")
    assert customers.search(by, "a" * 30 + "b") == [one]
    assert set(customers.search(by, "a" * 30)) == {one, other}


def test_search_looks_at_every_word_of_a_long_query(station: Station, by: User) -> None:
    name = "one two three four five six seven eight nine ten"
    found = add(station, name)
    assert customers.search(by, name) == [found]
    assert customers.search(by, name + " eleven") == []


def test_search_asks_two_queries_however_many_stations_and_hits(station: Station) -> None:
    def queries(q: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            for found in customers.search(roles.OPERATOR, q):
                assert found.station.code
        return len(captured)

    add(station, "Ana García", "ana@example.com", "030 901820")
    few = [queries(q) for q in ("ana", "ana garcia", "1820")]
    for number in range(10):
        add(StationFactory(), f"Ana García {number}", "ana@example.com", "030 901820")
    assert few == [queries(q) for q in ("ana", "ana garcia", "1820")] == [2, 2, 2]


names = st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and _storable(text))


def _storable(text: str) -> bool:
    try:
        plain_line(text)
    except Exception:
        return False
    return True


class TestSearchProperties(TestCase):
    """Over whatever names and numbers people have."""

    def setUp(self) -> None:
        self.station = StationFactory(country="DE")

    @given(names, st.data())
    def test_search_finds_everybody_by_beginnings_of_all_their_words(self, name: str, data: st.DataObject) -> None:
        found, named = add(self.station, name), list(dict.fromkeys(name_words(name)))[:MAX_WORDS]
        asked = data.draw(st.permutations(named))[:5]
        q = " ".join(word[: data.draw(st.integers(3, 30))] for word in asked)
        if asked and not phone_digits(q):
            assert found in customers.search(roles.OPERATOR, q)

    @given(names, st.text(max_size=30))
    def test_search_finds_only_those_whose_words_begin_so(self, name: str, q: str) -> None:
        found = add(self.station, name, phone="")
        if found in customers.search(roles.OPERATOR, q):
            assert all(any(own.startswith(word) for own in name_words(name)) for word in name_words(q))

    @given(st.text())
    def test_search_answers_whatever_is_asked(self, q: str) -> None:
        add(self.station, "Ana García", "ana@example.com", "030 901820")
        assert isinstance(customers.search(roles.OPERATOR, q), list)
