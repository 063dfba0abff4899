"""Settings and secrets without a cluster: where they are looked for, how they are hidden, what is said without them."""

import pickle
import traceback

import pytest

from ponte.errors import ConfigurationError
from ponte.manifests.references import References, SecretText
from ponte_api.common import Secret, Setting

LOGIN = Secret.model_validate({"secretRef": {"name": "shop-login", "key": "api.token"}})
ADDRESS = Setting.model_validate({"valueFrom": {"configMapRef": {"name": "shop", "key": "url"}}})
USER = Setting.model_validate({"valueFrom": {"secretRef": {"name": "shop-login", "key": "user"}}})
WHAT = "shop: rest.auth.bearer"
CANARY = "c4n4ry-s3cret"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shop-login").mkdir()
    (tmp_path / "shop").mkdir()
    return tmp_path


def test_a_file_of_the_folder_is_the_secret(folder):
    (folder / "shop-login" / "api.token").write_text(f"{CANARY}\n")
    assert References({}, secrets=folder).secret(LOGIN, WHAT).reveal() == CANARY


def test_a_variable_is_the_secret_where_there_is_no_file(folder):
    environment = {"PONTE_SECRET_SHOP_LOGIN_API_TOKEN": CANARY}
    assert References(environment, secrets=folder).secret(LOGIN, WHAT).reveal() == CANARY
    assert References(environment).secret(LOGIN, WHAT).reveal() == CANARY


def test_the_folder_comes_before_the_environment(folder):
    (folder / "shop-login" / "api.token").write_text(CANARY)
    references = References({"PONTE_SECRET_SHOP_LOGIN_API_TOKEN": "other"}, secrets=folder)
    assert references.secret(LOGIN, WHAT).reveal() == CANARY


@pytest.mark.parametrize(
    ("content", "value"), [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("è€\n", "è€")]
)
def test_one_trailing_line_end_is_taken_off_and_nothing_else(folder, content, value):
    (folder / "shop-login" / "api.token").write_bytes(content.encode())
    assert References({}, secrets=folder).secret(LOGIN, WHAT).reveal() == value


def test_config_maps_are_found_likewise(folder):
    (folder / "shop" / "url").write_text("https://shop.example\n")
    assert References({}, secrets=folder).setting(ADDRESS, WHAT) == "https://shop.example"
    assert References({"PONTE_CONFIG_SHOP_URL": "https://b.example"}).setting(ADDRESS, WHAT) == "https://b.example"


def test_config_maps_may_have_a_folder_of_their_own(folder, tmp_path_factory):
    configs = tmp_path_factory.mktemp("configs")
    (configs / "shop").mkdir()
    (configs / "shop" / "url").write_text("https://own.example")
    (folder / "shop" / "url").write_text("https://wrong.example")
    assert References({}, secrets=folder, configs=configs).setting(ADDRESS, WHAT) == "https://own.example"


def test_a_written_value_needs_no_looking_up():
    assert References({}).setting(Setting(value="https://a.example"), WHAT) == "https://a.example"


def test_what_is_missing_is_told_with_both_places_and_the_next_step(folder):
    with pytest.raises(ConfigurationError) as caught:
        References({}, secrets=folder).secret(LOGIN, WHAT)
    assert caught.value.message == (
        f'{WHAT}: key "api.token" of Secret "shop-login" is not there. Ponte looked at the file '
        f"{folder}/shop-login/api.token and at the variable PONTE_SECRET_SHOP_LOGIN_API_TOKEN. "
        f"Next: write {folder}/shop-login/api.token, or set the variable."
    )
    assert caught.value.reason == "ReferenceNotFound"


def test_without_a_folder_the_message_says_how_to_give_one():
    with pytest.raises(ConfigurationError, match="give a folder by --secrets DIR, or set the variable"):
        References({}).setting(ADDRESS, WHAT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_secret_is_refused_without_showing_it(folder, content, message):
    (folder / "shop-login" / "api.token").write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        References({}, secrets=folder).secret(LOGIN, WHAT)


@pytest.mark.parametrize("name", ["../other", "/etc", "a/b", "..", ".", "a\x00b", "a\n"])
def test_a_reference_never_leaves_its_folder(folder, name):
    (folder.parent / "other").mkdir(exist_ok=True)
    (folder.parent / "other" / "api.token").write_text(CANARY)
    secret = Secret.model_validate({"secretRef": {"name": name, "key": "api.token"}})
    with pytest.raises(ConfigurationError, match="is no valid name"):
        References({}, secrets=folder).secret(secret, WHAT)


@pytest.mark.parametrize("key", ["..", "../x", "/etc/passwd", "a/../b", ""])
def test_a_key_never_leaves_its_folder(folder, key):
    reference = LOGIN.secret_ref.model_copy(update={"key": key})
    with pytest.raises(ConfigurationError, match="is no valid name"):
        References({}, secrets=folder).secret(LOGIN.model_copy(update={"secret_ref": reference}), WHAT)


@pytest.mark.parametrize("url", [f"https://me:{CANARY}@shop.example", f"postgresql://db/x?password={CANARY}"])
def test_a_url_with_a_password_is_refused_and_not_shown(folder, url):
    (folder / "shop" / "url").write_text(url)
    with pytest.raises(ConfigurationError) as caught:
        References({}, secrets=folder).setting(ADDRESS, WHAT)
    assert caught.value.reason == "UrlWithPassword"
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_secret_shows_stars_wherever_it_is_printed(folder):
    (folder / "shop-login" / "user").write_text(CANARY)
    references = References({"PONTE_SECRET_X_Y": CANARY}, secrets=folder)
    secret = references.setting_as_secret(USER, WHAT)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>30}",
        str([secret]),
        repr(references),
    ]
    assert not any(CANARY in text for text in shown)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_secrets_are_equal_when_their_texts_are():
    assert SecretText("a") == SecretText("a")
    assert SecretText("a") != SecretText("b")
    assert SecretText("a") != "a"
