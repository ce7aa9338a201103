import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AuthApi;
import org.openapitools.client.api.BookingsApi;
import org.openapitools.client.api.CustomersApi;
import org.openapitools.client.api.StationsApi;
import org.openapitools.client.model.*;

/** A story told by the client that openapi-generator makes for Java: ADDRESS EMAIL PASSWORD. */
public class Story {
    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        TokensAnswer tokens = new AuthApi(client).signIn(new LoginBody().email(arguments[1]).password(arguments[2]));
        client.setRequestInterceptor(
            request -> request.header("Authorization", "Bearer " + tokens.getData().getAccess()));
        BookingsApi bookings = new BookingsApi(client);

        LocalDate friday = LocalDate.of(2031, 3, 7);
        Slot free = new StationsApi(client).listSlots("kitchen", friday, friday, null).getData().stream()
            .filter(slot -> slot.getLeft() > 0).findFirst().orElseThrow();
        ContactBody ana = new ContactBody().name("Ana García").email("ana@example.com").phone("+12025550143");
        String id = bookings.createBooking(new CreateBody().station("kitchen").date(friday).slot(free.getSlot())
            .partyAdults(2).customer(ana)).getData().getBookingId().toString();
        RescheduleBody place = new RescheduleBody().date(LocalDate.of(2031, 3, 8)).slot("19:00");
        Integer moved = bookings.rescheduleBooking(id, place, "\"1\"").getData().getVersion();
        List<Object> stale = List.of(200, "");
        try {
            bookings.rescheduleBooking(id, place, "\"1\"");
        } catch (ApiException refusal) {
            JsonNode said = new ObjectMapper().readTree(refusal.getResponseBody());
            stale = List.of(refusal.getCode(), said.get("code").asText(), said.get("data").get("version").asInt());
        }
        List<String> steps = new ArrayList<>();
        for (BookingStatus status : List.of(BookingStatus.CONFIRMED, BookingStatus.CANCELLED)) {
            StatusBody step = new StatusBody().status(status);
            steps.add(bookings.changeBookingStatus(id, step, null).getData().getStatus().getValue());
        }
        Integer guests = bookings.editBooking(id, null, new EditBody().partyKids(1)).getData().getTotalGuests();
        List<String> listed = new ArrayList<>();
        String cursor = null;
        do {
            BookingPage page = bookings.listBookings(cursor, null, null, null, null, null, 2, null, "created", null,
                List.of("kitchen"), List.of(BookingStatus.CANCELLED, BookingStatus.CONFIRMED), null);
            page.getData().forEach(row -> listed.add(row.getBookingId().toString()));
            cursor = cursorOf(page.getNext());
        } while (cursor != null);
        List<String> found = new CustomersApi(client).searchCustomers(new SearchBody().q("gar")).getData().stream()
            .map(Customer::getName).toList();
        new AuthApi(client).signOut(new RefreshBody().refresh(tokens.getData().getRefresh()));
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("booking", id);
        told.put("moved", moved);
        told.put("stale", stale);
        told.put("steps", steps);
        told.put("guests", guests);
        told.put("listed", listed);
        told.put("found", found);
        System.out.println(new ObjectMapper().writeValueAsString(told));
    }

    private static String cursorOf(URI next) {
        if (next == null) {
            return null;
        }
        for (String part : next.getRawQuery().split("&")) {
            if (part.startsWith("cursor=")) {
                return URLDecoder.decode(part.substring("cursor=".length()), StandardCharsets.UTF_8);
            }
        }
        return null;
    }
}
