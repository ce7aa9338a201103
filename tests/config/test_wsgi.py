from django.test import RequestFactory

from config.wsgi import application


def test_wsgi_application_answers(db: None) -> None:
    started: list[str] = []
    environ = RequestFactory().get("/accounts/login/").environ

    response = application(environ, lambda status, headers: started.append(status))
    response.close()

    assert started == ["200 OK"]
