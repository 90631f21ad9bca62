import pytest
from testhosts import image
from testhosts.command import HostsError
from testhosts.image import Image

EVERY = [Image(distribution, flavour) for distribution in image.DISTRIBUTIONS for flavour in image.FLAVOURS]


@pytest.mark.parametrize("each", EVERY, ids=str)
def test_an_image_is_read_as_it_is_written(each):
    assert Image.parse(str(each)) == each


@pytest.mark.parametrize(
    ("text", "says"),
    [("lenny", "bookworm, trixie, jammy, noble"), ("bookworm/nginx", "haproxy"), ("", "bookworm")],
)
def test_an_unknown_image_is_an_error_that_lists_the_known_ones(text, says):
    with pytest.raises(HostsError, match=says):
        Image.parse(text)


def test_no_two_images_share_a_name():
    assert len({each.name for each in EVERY}) == len(EVERY)


@pytest.mark.parametrize("each", EVERY, ids=str)
def test_earlier_images_are_found_by_a_prefix_that_no_other_image_has(each):
    tag = each.name.rpartition(":")[2]
    assert [other for other in EVERY if tag.startswith(other.tag_prefix)] == [each]


@pytest.mark.parametrize("ingredient", ["HOST_PACKAGES", "CHANGES"])
def test_another_ingredient_is_another_image(monkeypatch, ingredient):
    before = Image("bookworm").name
    monkeypatch.setattr(image, ingredient, (*getattr(image, ingredient), "one more"))
    assert Image("bookworm").name != before


def test_another_customization_is_another_image(monkeypatch, tmp_path):
    before = Image("bookworm").name
    script = tmp_path / "customize.sh"
    script.write_text(image.CUSTOMIZE.read_text() + "# one more line\n")
    monkeypatch.setattr(image, "CUSTOMIZE", script)
    assert Image("bookworm").name != before


def test_a_flavour_changes_its_own_image_alone(monkeypatch):
    plain, balancer = Image("bookworm").name, Image("bookworm", "haproxy").name
    monkeypatch.setitem(image.FLAVOURS, "haproxy", ("haproxy",))
    assert Image("bookworm").name == plain
    assert Image("bookworm", "haproxy").name != balancer
