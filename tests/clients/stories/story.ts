// A story told by the client that openapi-generator makes for TypeScript (fetch): ADDRESS EMAIL PASSWORD.
import {
    AuthApi, BookingsApi, BookingStatus, Configuration, CustomersApi, ListBookingsSortEnum, ResponseError, StaleFailureFromJSON,
    StationsApi,
} from "./client/index.js";

declare const process: { argv: string[] };
const [address, email, password] = process.argv.slice(2);
const { data: tokens } = await new AuthApi(new Configuration({ basePath: address })).signIn({ loginBody: { email, password } });
const configuration = new Configuration({ basePath: address, accessToken: tokens.access });
const bookings = new BookingsApi(configuration);

const friday = new Date("2031-03-07");
const slots = await new StationsApi(configuration).listSlots({ code: "kitchen", dateFrom: friday, dateTo: friday });
const free = slots.data.find((slot) => slot.left > 0)!;
const customer = { name: "Ana García", email: "ana@example.com", phone: "+12025550143" };
const made = await bookings.createBooking({
    createBody: { station: "kitchen", date: friday, slot: free.slot, partyAdults: 2, customer },
});
const bookingId = made.data.bookingId;
const move = { bookingId, rescheduleBody: { date: new Date("2031-03-08"), slot: "19:00" }, ifMatch: '"1"' };
const moved = await bookings.rescheduleBooking(move);
let stale: unknown[] = [200, ""];
try {
    await bookings.rescheduleBooking(move);
} catch (refusal) {
    if (!(refusal instanceof ResponseError)) throw refusal;
    const failure = StaleFailureFromJSON(await refusal.response.json());
    stale = [refusal.response.status, failure.code, failure.data?.version];
}
const steps: string[] = [];
for (const status of [BookingStatus.Confirmed, BookingStatus.Cancelled]) {
    steps.push((await bookings.changeBookingStatus({ bookingId, statusBody: { status } })).data.status);
}
const edited = await bookings.editBooking({ bookingId, editBody: { partyKids: 1, specialRequests: null } });
const listed: string[] = [];
let cursor: string | undefined;
do {
    const page = await bookings.listBookings({
        sort: ListBookingsSortEnum.Created, limit: 2, station: ["kitchen"],
        status: [BookingStatus.Cancelled, BookingStatus.Confirmed], cursor,
    });
    listed.push(...page.data.map((row) => row.bookingId));
    cursor = page.next ? new URL(page.next).searchParams.get("cursor")! : undefined;
} while (cursor);
const found = await new CustomersApi(configuration).searchCustomers({ searchBody: { q: "gar" } });
await new AuthApi(configuration).signOut({ refreshBody: { refresh: tokens.refresh } });
console.log(JSON.stringify({
    booking: bookingId, moved: moved.data.version, stale, steps, guests: edited.data.totalGuests, listed,
    found: found.data.map((one) => one.name),
}));
