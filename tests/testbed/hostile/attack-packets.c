#include "attacks.h"

static struct channel *channel;

// Sends a packet and checks the status of its answer.
static struct vstor answer_to(const char *what, u16 type, const void *header, u32 header_bytes, const void *payload, u32 bytes, u32 status)
{
    static u64 transaction = 0x7000000000000000;
    u64 got;
    send_packet(channel, type, WANTED, ++transaction, header, header_bytes, payload, bytes);
    struct vstor answer = next_answer(channel, &got, what);
    check(what, transaction, got);
    check(what, status, answer.status);
    return answer;
}

static void attack_types(void)
{
    struct vstor request = make_request(0, READ_DATA, 0, 0);
    begin("packets of every type");
    for (u32 type = 0; type < 64; type++)
    {
        if (type == INBAND || type == GPA_DIRECT) continue;
        if (type == COMPLETION) send_packet(channel, COMPLETION, WANTED, 1, NULL, 0, &request, sizeof(request));
        else answer_to("status", (u16)(type < 32 ? type : type * 1023), NULL, 0, &request, sizeof(request), NOT_FOR_THIS_CHANNEL);
    }

    begin("packets of every length");
    static u8 payload[4000];
    memset(payload, 0, sizeof(payload));
    for (u32 bytes = 0; bytes < 48; bytes += 8) answer_to("status", INBAND, NULL, 0, payload, bytes, STATUS_INVALID_PARAMETER);
    for (u32 bytes = 48; bytes <= sizeof(payload); bytes += 504) answer_to("status", INBAND, NULL, 0, payload, bytes, NOT_FOR_THIS_CHANNEL);
    for (u32 header = 8; header < sizeof(payload); header += 1000)
        answer_to("a header where none belongs", INBAND, payload, header, payload, 64, NOT_FOR_THIS_CHANNEL);

    begin("packets that want no answer");
    struct buffer buffer = make_buffer(PAGE);
    request = make_request(0, READ_DATA, 0, PAGE);
    // They end at any time, so their page is one that nobody needs.
    buffer.pages[0] = 1;
    for (u32 i = 0; i < 300; i++)
    {
        send_packet(channel, GPA_DIRECT, 0, 1 + i, &buffer, 24, &request, sizeof(request));
        send_packet(channel, GPA_DIRECT, WANTED, 0, &buffer, 24, &request, sizeof(request));
        send_packet(channel, INBAND, 0, 1 + i, NULL, 0, payload, 64);
    }

    check_channel(channel);
}

static void refuse(const char *what, const void *header, u32 header_bytes, u32 transfer)
{
    struct vstor request = make_request(0, READ_DATA, 0, transfer);
    struct vstor answer = answer_to(what, GPA_DIRECT, header, header_bytes, &request, sizeof(request), STATUS_INVALID_PARAMETER);
    check(what, SRB_INVALID_REQUEST, answer.srb_status);
    check(what, 0, answer.transfer);
}

static void attack_ranges(void)
{
    begin("buffers that are none");
    struct buffer buffer = make_buffer(PAGE);
    refuse("no header", NULL, 0, PAGE);
    refuse("half a header", &buffer, 8, PAGE);
    refuse("no page", &buffer, 16, PAGE);
    refuse("shorter than the transfer", &buffer, 24, 2 * PAGE);
    static const u32 counts[] = {0, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(counts); i++)
    {
        buffer.count = counts[i];
        refuse("a count of ranges", &buffer, 24, counts[i] ? 2 * PAGE : PAGE);
    }

    static const struct { u32 bytes, offset; } sizes[] = {{0, 0}, {PAGE, PAGE}, {PAGE, 0xFFFFFFFF}, {0xFFFFFFFF, 0}, {0xFFFFFFFF, 0xFFF},
        {0x80000000, 0}, {0x7FFFFFFF, 0xFFF}, {0x7FFFFFFF, 0x1000}, {PAGE, 1}, {PAGE - 1, 0}};
    for (u32 i = 0; i < COUNT(sizes); i++)
    {
        buffer = make_buffer(sizes[i].bytes);
        buffer.offset = sizes[i].offset;
        refuse("a range", &buffer, 24, PAGE);
    }

    begin("buffers that are not RAM");
    static const u64 pages[] = {0x4000, 0xC0000, 0xFEC00, 0xFEE00, 0xFFFFF, 0x100000, 1ull << 40, 1ull << 51, 1ull << 52, 1ull << 63,
        0xFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF};
    for (u32 i = 0; i < COUNT(pages); i++)
    {
        buffer = make_buffer(3 * PAGE);
        buffer.pages[2] = pages[i];
        refuse("the last page", &buffer, 40, 3 * PAGE);
        buffer.pages[0] = pages[i];
        refuse("the first page", &buffer, 40, 3 * PAGE);
        buffer = make_buffer(PAGE);
        buffer.pages[0] = 0x3FFF;
        buffer.pages[1] = pages[i];
        buffer.offset = PAGE - 8;
        refuse("the end of a page and this one", &buffer, 32, PAGE);
    }

    begin("a buffer of very many pieces");
    static struct { u32 reserved, count; struct { u32 bytes, offset; u64 page; } ranges[240]; } pieces;
    pieces.count = COUNT(pieces.ranges);
    for (u32 i = 0; i < COUNT(pieces.ranges); i++)
    {
        pieces.ranges[i].bytes = 8;
        pieces.ranges[i].offset = 16 * i % PAGE;
        pieces.ranges[i].page = page_of(transfer_area);
    }

    struct vstor request = make_request(0, READ_DATA, 0, 1536);
    struct vstor answer = answer_to("status", GPA_DIRECT, &pieces, sizeof(pieces), &request, sizeof(request), 0);
    check("bytes", 1536, answer.transfer);
    refuse("it is too short", &pieces, sizeof(pieces), 2048);
}

void attack_packets(void)
{
    struct channel *channels[] = {&primary, &subchannel};
    for (u32 i = 0; i < COUNT(channels); i++)
    {
        channel = channels[i];
        attack_types();
        attack_ranges();
        check_storage();
    }
}
