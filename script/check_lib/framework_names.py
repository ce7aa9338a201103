"""Names that frameworks call or read, and that nothing in the product names: the allowlist of `dead_code`.

An entry that is not needed any longer is reported like a dead definition.
"""

from typing import Final

_BY_FRAMEWORK: Final = {
    "Django": "AccountsConfig BookingsConfig StationsConfig urlpatterns handler400 handler403 handler404 handler500 process_view "
    "process_exception default_site clear_expired get_session_store_class _session_key modified csrf_processing_done",
    "pytest": "pytest_addoption pytest_collection_modifyitems",
    "Django's database routers": "db_for_write allow_relation allow_migrate hints",
    "Django's models": "abstract constraints default_permissions EMAIL_FIELD REQUIRED_FIELDS date_joined ordering "
    "_get_session_auth_hash get_user get_help_text",
    "Django's model fields": "empty_strings_allowed from_db_value get_placeholder get_transform Lookup",
    "Django's forms": "default_validators field_order field_classes input_formats input_type prepare_value widgets "
    "value_from_datadict _post_clean save_m2m clean_stations clean_special_requests clean_new clean_expires_on help_texts",
    "Django's commands": "add_arguments requires_system_checks formatter_class",
    "Django's admin": "BookingAdmin CustomerAdmin StationAdmin change_form_template change_list_template fieldsets "
    "filter_horizontal get_readonly_fields get_search_fields has_choose_permission has_delete_permission "
    "classes enable_nav_sidebar formfield_overrides get_changelist "
    "has_export_permission has_module_permission index_title inlines list_display list_filter list_per_page "
    "list_select_related lookups model_admin object_history_template password_change readonly_fields search_fields "
    "search_help_text show_facets show_full_result_count site_header site_title",
    "REST framework": "accepted_renderer allow_request authenticate_header authentication_classes check_blacklist "
    "content_negotiation_class default_code default_detail default_error_messages default_response_headers format_kwarg "
    "get_authenticate_header get_validated_token http_method_names parser_classes throttle_classes versioning_class "
    "versioning_scheme filter_backends pagination_class retrieve partial_update monthly",
    "drf-spectacular": "BearerScheme KeyScheme SessionScheme auto_schema get_security_definition get_tags "
    "target_class _is_list_view",
    "psycopg": "_communicate_gen _pipeline",
    "ast.NodeVisitor": "visit_AnnAssign visit_JoinedStr",
    "dataclasses.asdict": "says",
    "a cache key of which it is a part": "may_see_personal_data",
    "Babel": "frac_prec",
    "icalendar": "subcomponents",
    "aiosmtpd": "handle_DATA",
    "migrations, which are left out": "AddIndexOnline",
    "rows of the database": "TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY NO_CUSTOMER",
    "getattr in commands": "_export",
}

FRAMEWORK_NAMES: Final = frozenset(name for names in _BY_FRAMEWORK.values() for name in names.split())
