#include "bus.h"
#include <stdarg.h>

#define SLOT 512u           // of SINT 2, in a message page and in an event page
#define FENCE 0xFE0000u     // GPADLs from here on do not exist
#define GUEST_ID 0x8100000000000001ull

static u8 hypercall_page[PAGE] PAGE_ALIGNED, message_page[2][PAGE] PAGE_ALIGNED, event_page[2][PAGE] PAGE_ALIGNED;
static u32 rescinded[2048 / 32];
static u32 fences, opens;
u32 primary_id, subchannel_id, service_count;
struct offered services[16];

u64 hypercall(u64 input, u64 first)
{
    u64 result;
    register u64 second __asm__("r8") = 0;
    __asm__ volatile("call *%4" : "=a"(result), "+c"(input), "+d"(first), "+r"(second) : "r"(hypercall_page) : "r9", "r10", "r11", "memory");
    return result & 0xFFFF;
}

void start_synic(u32 processor)
{
    write_msr(0x40000000, GUEST_ID);
    write_msr(0x40000001, (u64)hypercall_page | 1);
    write_msr(SIMP, (u64)message_page[processor] | 1);
    write_msr(SIEFP, (u64)event_page[processor] | 1);
    write_msr(0x40000092, 0xF3);
    write_msr(SCONTROL, 1);
}

u64 post_to(u32 connection, u32 type, u32 bytes, const void *payload)
{
    // Two processors may post at once.
    struct { u32 connection, reserved, type, bytes; u8 payload[240]; } input __attribute__((aligned(256)));
    memset(&input, 0, sizeof(input));
    input.connection = connection;
    input.type = type;
    input.bytes = bytes;
    memcpy(input.payload, payload, bytes <= 240 ? bytes : 240);
    return hypercall(POST_MESSAGE, (u64)&input);
}

void post(const void *message, u32 bytes)
{
    struct limit limit = {0};
    for (;;)
    {
        u64 status = post_to(1, 1, bytes, message);
        if (status == HYPERCALL_SUCCESS) return;
        if (status != INSUFFICIENT_BUFFERS) fatal("a message was refused with status", status);
        wait(&limit, "room for a message");
    }
}

void post_words(u32 count, ...)
{
    u32 words[60] = {0};
    va_list list;
    va_start(list, count);
    words[0] = va_arg(list, u32);
    for (u32 i = 1; i < count; i++) words[i + 1] = va_arg(list, u32);
    va_end(list);
    post(words, (count + 1) * 4);
}

u64 signal(u32 connection) { return hypercall(SIGNAL_EVENT | FAST, connection); }

volatile u8 *slot_of(u32 processor) { return message_page[processor] + SLOT; }

static void note_offer(const struct message *message)
{
    static const u8 scsi[16] = {0xD9, 0x63, 0x61, 0xBA, 0xA1, 0x04, 0x29, 0x4D, 0xB6, 0x05, 0x72, 0xE2, 0xFF, 0xB1, 0xDC, 0x7F};
    u32 id = message->words[46];
    if (memcmp(&message->words[2], scsi, sizeof(scsi)) != 0)
    {
        if (service_count < COUNT(services)) services[service_count++] = (struct offered){id, message->words[2]};
    }
    else if ((u16)message->words[45] == 0) primary_id = id;
    else subchannel_id = id;
    rescinded[id / 32 % COUNT(rescinded)] &= ~(1u << id % 32);
}

bool take_message(struct message *message)
{
    for (;;)
    {
        volatile u8 *slot = slot_of(0);
        volatile u32 *type = (volatile u32 *)slot;
        if (!*type) return false;
        memset(message, 0, sizeof(*message));
        memcpy(message, (const void *)(slot + 16), slot[4] <= 240 ? slot[4] : 240);
        *type = 0;
        full_barrier();
        if (slot[5] & 1) write_msr(0x40000084, 0);
        if (message->words[0] == OFFER) note_offer(message);
        else if (message->words[0] == RESCIND) rescinded[message->words[2] / 32 % COUNT(rescinded)] |= 1u << message->words[2] % 32;
        else return true;
    }
}

struct message next_message(const char *what)
{
    struct message message;
    struct limit limit = {0};
    while (!take_message(&message)) wait(&limit, what);
    return message;
}

struct message expect_message(const char *what, u32 number, u32 subject)
{
    struct message message = next_message(what);
    if (message.words[0] != number) fatal(what, message.words[0]);
    check(what, subject, message.words[2]);
    return message;
}

void expect_no_answer(const char *what)
{
    // Messages are answered in their order, so an answer would come before this one's.
    u32 fence = FENCE + ++fences;
    post_words(3, GPADL_TEARDOWN, primary_id, fence);
    expect_message(what, GPADL_TORNDOWN, fence);
}

bool was_rescinded(u32 channel) { return rescinded[channel / 32] >> channel % 32 & 1; }

void expect_rescind(const char *what, u32 channel)
{
    struct limit limit = {0};
    struct message message;
    while (!was_rescinded(channel))
    {
        if (take_message(&message)) fatal(what, message.words[0]);
        wait(&limit, what);
    }
}

u32 initiate_contact(u32 version, u32 processor, u64 target, u64 parent_page, u64 child_page)
{
    u32 words[10] = {INITIATE_CONTACT, 0, version, processor, (u32)target, (u32)(target >> 32), (u32)parent_page, (u32)(parent_page >> 32),
        (u32)child_page, (u32)(child_page >> 32)};
    // Answers to the connection before this one may still wait for the slot; while there are many, the host has no room for more.
    struct limit limit = {0};
    struct message stale;
    u64 status;
    while ((status = post_to(1, 1, sizeof(words), words)) == INSUFFICIENT_BUFFERS)
    {
        while (take_message(&stale)) { }
        wait(&limit, "room for INITIATE_CONTACT");
    }

    if (status != HYPERCALL_SUCCESS) fatal("INITIATE_CONTACT was refused with status", status);
    for (;;)
    {
        struct message message = next_message("VERSION_RESPONSE");
        if (message.words[0] == VERSION_RESPONSE) return message.words[2];
    }
}

void connect(void)
{
    check("supported", 1, initiate_contact(VERSION_5_3, 0, 2, 0, 0) & 0xFF);
    memset(rescinded, 0, sizeof(rescinded));
    primary_id = subchannel_id = service_count = 0;
}

void request_offers(void)
{
    post_words(1, REQUEST_OFFERS);
    expect_message("ALL_OFFERS_DELIVERED", OFFERS_DELIVERED, 0);
}

void post_gpadl(u32 channel, u32 gpadl, u32 range_bytes, u32 range_count, const void *ranges, u32 bytes)
{
    struct message message = {{GPADL_HEADER, 0, channel, gpadl, range_bytes | range_count << 16}};
    const u8 *rest = ranges;
    u32 taken = bytes < 220 ? bytes : 220;
    memcpy(&message.words[5], rest, taken);
    post(&message, 20 + taken);
    for (u32 sequence = 1; bytes > taken; sequence++)
    {
        bytes -= taken;
        rest += taken;
        message = (struct message){{GPADL_BODY, 0, sequence, gpadl}};
        taken = bytes < 224 ? bytes : 224;
        memcpy(&message.words[4], rest, taken);
        post(&message, 16 + taken);
    }
}

u32 create_gpadl(u32 channel, u32 gpadl, u32 range_bytes, u32 range_count, const void *ranges, u32 bytes)
{
    post_gpadl(channel, gpadl, range_bytes, range_count, ranges, bytes);
    struct message answer = expect_message("GPADL_CREATED", GPADL_CREATED, channel);
    check("id of GPADL_CREATED", gpadl, answer.words[3]);
    return answer.words[4];
}

u32 create_ring_gpadl(u32 channel, u32 gpadl, const void *memory, u32 pages)
{
    struct { u32 bytes, offset; u64 pages[2 * RING_PAGES]; } range = {pages * PAGE, 0, {0}};
    for (u32 i = 0; i < pages; i++) range.pages[i] = page_of(memory) + i;
    return create_gpadl(channel, gpadl, 8 + pages * 8, 1, &range, 8 + pages * 8);
}

void teardown_gpadl(u32 channel, u32 gpadl)
{
    post_words(3, GPADL_TEARDOWN, channel, gpadl);
    expect_message("GPADL_TORNDOWN", GPADL_TORNDOWN, gpadl);
}

u32 open_channel(u32 channel, u32 gpadl, u32 offset, u32 processor)
{
    u32 words[37] = {OPEN, 0, channel, ++opens, gpadl, processor, offset};
    post(words, sizeof(words));
    struct message answer = expect_message("OPEN_RESULT", OPEN_RESULT, channel);
    check("id of OPEN_RESULT", opens, answer.words[3]);
    return answer.words[4];
}

void open_rings(struct channel *channel, u32 id, u8 *rings)
{
    *channel = (struct channel){.rings = rings, .id = id, .gpadl = 0x100 + id, .connection = 0x2000 + id};
    memset(rings, 0, 2 * RING_PAGES * PAGE);
    check("GPADL of the rings", 0, create_ring_gpadl(id, channel->gpadl, rings, 2 * RING_PAGES));
    check("open", 0, open_channel(id, channel->gpadl, RING_PAGES, 1));
}

struct control *outbound(struct channel *channel) { return (struct control *)channel->rings; }
struct control *inbound(struct channel *channel) { return (struct control *)(channel->rings + RING_PAGES * PAGE); }

void put(struct channel *channel, const void *bytes, u32 count)
{
    u8 *data = channel->rings + PAGE;
    for (u32 i = 0; i < count; i++) data[(channel->write + i) % RING_BYTES] = ((const u8 *)bytes)[i];
    channel->write = (channel->write + count) % RING_BYTES;
}

void publish(struct channel *channel)
{
    full_barrier();
    outbound(channel)->write = channel->write;
    full_barrier();
    signal(channel->connection);
}

void send_packet(struct channel *channel, u16 type, u16 flags, u64 transaction, const void *header, u32 header_bytes,
    const void *payload, u32 payload_bytes)
{
    u32 total = 16 + header_bytes + (payload_bytes + 7) / 8 * 8;
    struct { u16 type, header_words, total_words, flags; u64 transaction; } descriptor = {
        type, (u16)((16 + header_bytes) / 8), (u16)(total / 8), flags, transaction};
    u64 zero = 0;
    struct limit limit = {0};
    while ((outbound(channel)->read + RING_BYTES - channel->write - 1) % RING_BYTES < total + 16) wait(&limit, "room in the ring");
    put(channel, &descriptor, sizeof(descriptor));
    put(channel, header, header_bytes);
    put(channel, payload, payload_bytes);
    put(channel, &zero, total - 16 - header_bytes - payload_bytes);
    put(channel, &zero, 8);
    publish(channel);
}

bool take_packet(struct channel *channel, struct packet *packet)
{
    u32 write = inbound(channel)->write;
    if (write == channel->read) return false;
    const u8 *data = channel->rings + (RING_PAGES + 1) * PAGE;
    u32 available = (write + RING_BYTES - channel->read) % RING_BYTES;
    u8 *target = (u8 *)packet;
    for (u32 i = 0; i < 16; i++) target[i] = data[(channel->read + i) % RING_BYTES];
    u32 bytes = packet->total_words * 8u;
    if (bytes < 16 || bytes > sizeof(*packet) || bytes + 8 > available) fatal("the host's packet is damaged, bytes", bytes);
    for (u32 i = 16; i < bytes; i++) target[i] = data[(channel->read + i) % RING_BYTES];
    channel->read = (channel->read + bytes + 8) % RING_BYTES;
    full_barrier();
    inbound(channel)->read = channel->read;
    return true;
}
