import httpx

from tests.app.running import Running


def test_versions_are_compared_in_reading_order_with_their_text(service: Running, admin: httpx.Client) -> None:
    made = service.upload("metals.md", "# Tin\n\nTin is soft.\n\n# Iron\n\nIron rusts.\n")
    service.read_all()
    changed = b"# Tin\n\nTin is soft.\n\n# Iron\n\nIron rusts slowly.\n"
    admin.put(f"/v1/admin/documents/{made['id']}", files={"file": ("metals.md", changed)})
    service.read_all()
    reply = admin.get(f"/v1/documents/{made['id']}/versions/1/compare/2").json()
    assert (reply["added"], reply["removed"], reply["kept"], reply["next_cursor"]) == (1, 1, 1, None)
    assert [(each["change"], each["text"], each["ordinal"], each["headings"][-1]) for each in reply["items"]] == [
        ("kept", "Tin is soft.", 0, "Tin"),
        ("removed", "Iron rusts.", 1, "Iron"),
        ("added", "Iron rusts slowly.", 1, "Iron"),
    ]
    address = f"/v1/documents/{made['id']}/versions"
    some = admin.get(f"{address}/1/compare/2?change=added&change=removed&limit=1").json()
    assert ([each["text"] for each in some["items"]], some["next_cursor"]) == (["Iron rusts."], "1")
    for query in ("change=moved", "limit=0", "cursor=x"):
        assert admin.get(f"{address}/1/compare/2?{query}").status_code == 422
    missing = admin.get(f"{address}/1/compare/3")
    assert (missing.status_code, "no such document or version" in missing.json()["detail"]) == (404, True)
    versions = admin.get(address).json()["items"]
    assert [(version["number"], version["counts"]["embedded_chunks"]) for version in versions] == [(2, 1), (1, 2)]


def test_a_restored_version_answers_under_its_name_and_with_its_metadata(service: Running, admin: httpx.Client) -> None:
    made = service.upload("zinc.txt", "Zinc is blue.", metadata='{"year": 2025}')
    service.read_all()
    new = {"file": ("zinc-2026.txt", b"Zinc is bluish.")}
    admin.put(f"/v1/admin/documents/{made['id']}", files=new, data={"metadata": '{"year": 2026}'})
    service.read_all()
    back = admin.post(f"/v1/admin/documents/{made['id']}/versions/1/restore").json()
    assert (back["version"], back["name"], back["metadata"]) == (1, "zinc.txt", {"year": 2025})
    again = admin.put(f"/v1/admin/documents/{made['id']}", files=new).json()
    assert (again["duplicate"], again["latest_version"]) == (False, 3)
    service.read_all()
    served = admin.get(f"/v1/documents/{made['id']}").json()
    assert (served["version"], served["name"], served["metadata"]) == (3, "zinc-2026.txt", {"year": 2025})
    assert "embedded_chunks" not in served["counts"]
