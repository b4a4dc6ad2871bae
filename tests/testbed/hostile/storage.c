#include "storage.h"

static u8 primary_rings[2 * RING_PAGES * PAGE] PAGE_ALIGNED, subchannel_rings[2 * RING_PAGES * PAGE] PAGE_ALIGNED;
static u64 transactions = 1000, pattern = 88172645463325252ull;
struct channel primary, subchannel;
u8 transfer_area[TRANSFER_PAGES * PAGE] PAGE_ALIGNED;

struct vstor make_request(u8 lun, u8 direction, u32 block, u32 bytes)
{
    u32 blocks = bytes / 512;
    return (struct vstor){
        .operation = EXECUTE_SRB, .length = 52, .lun = lun, .cdb_bytes = 10, .sense_bytes = 20, .direction = direction, .transfer = bytes,
        .cdb = {direction == WRITE_DATA ? 0x2A : 0x28, 0, (u8)(block >> 24), (u8)(block >> 16), (u8)(block >> 8), (u8)block, 0,
            (u8)(blocks >> 8), (u8)blocks},
    };
}

struct buffer make_buffer(u32 bytes)
{
    struct buffer buffer = {0, 1, bytes, 0, {0}};
    for (u32 i = 0; i < TRANSFER_PAGES; i++) buffer.pages[i] = page_of(transfer_area) + i;
    return buffer;
}

void send_request(struct channel *channel, const struct vstor *request, const struct buffer *buffer, u64 transaction)
{
    u32 header = buffer ? 16 + 8 * ((buffer->bytes + PAGE - 1) / PAGE) : 0;
    send_packet(channel, buffer ? GPA_DIRECT : INBAND, WANTED, transaction, buffer, header, request, sizeof(*request));
}

struct vstor next_answer(struct channel *channel, u64 *transaction, const char *what)
{
    struct packet packet;
    struct vstor answer;
    struct limit limit = {0};
    do
    {
        while (!take_packet(channel, &packet)) wait(&limit, what);
        // Notices of changed units are not answers.
    } while (packet.type == INBAND && packet.transaction == 0);
    check("packet type of an answer", COMPLETION, packet.type);
    *transaction = packet.transaction;
    memcpy(&answer, packet.data, sizeof(answer));
    return answer;
}

struct vstor exchange(struct channel *channel, const struct vstor *request, const struct buffer *buffer)
{
    u64 sent = ++transactions, got;
    send_request(channel, request, buffer, sent);
    struct vstor answer = next_answer(channel, &got, "the answer to a request");
    check("transaction of an answer", sent, got);
    check("operation of an answer", COMPLETE_IO, answer.operation);
    return answer;
}

u32 operate(struct channel *channel, u32 operation, u16 parameter)
{
    struct vstor request = {.operation = operation, .length = parameter};
    return exchange(channel, &request, NULL).status;
}

void clear_attention(void)
{
    for (u8 lun = 0; lun < 2; lun++)
    {
        struct vstor ready = {.operation = EXECUTE_SRB, .length = 52, .lun = lun, .cdb_bytes = 6, .sense_bytes = 20, .direction = NO_DATA};
        u32 tries = 0;
        while (exchange(&primary, &ready, NULL).srb_status != SRB_SUCCESS && ++tries < 8) { }
    }
}

void attach(void)
{
    connect();
    request_offers();
    check("the controller is offered", 1, primary_id);
    open_rings(&primary, primary_id, primary_rings);
    check("begin", 0, operate(&primary, BEGIN, 0));
    check("version", 0, operate(&primary, QUERY_VERSION, 0x0602));
    check("properties", 0, operate(&primary, QUERY_PROPERTIES, 0));
    check("end", 0, operate(&primary, END, 0));
    check("sub-channel", 0, operate(&primary, CREATE_SUBCHANNELS, 1));
    struct limit limit = {0};
    struct message message;
    while (!subchannel_id)
    {
        if (take_message(&message)) fatal("a message instead of a sub-channel's offer", message.words[0]);
        wait(&limit, "the sub-channel's offer");
    }

    check("the sub-channel's id", 2 + service_count, subchannel_id);
    open_rings(&subchannel, subchannel_id, subchannel_rings);
    clear_attention();
}

void check_channel(struct channel *channel)
{
    u64 *words = (u64 *)transfer_area;
    u64 first = next_random(&pattern);
    struct vstor request = make_request(0, WRITE_DATA, 64, PAGE);
    struct buffer buffer = make_buffer(PAGE);
    for (u32 i = 0; i < PAGE / 8; i++) words[i] = first + i;
    check("status of a write", SRB_SUCCESS, exchange(channel, &request, &buffer).srb_status);
    memset(transfer_area, 0, PAGE);
    request = make_request(0, READ_DATA, 64, PAGE);
    struct vstor answer = exchange(channel, &request, &buffer);
    check("status of a read", SRB_SUCCESS, answer.srb_status);
    check("bytes read", PAGE, answer.transfer);
    u32 wrong = 0;
    for (u32 i = 0; i < PAGE / 8; i++) wrong += words[i] != first + i;
    check("words that were not read as written", 0, wrong);
}

void check_storage(void)
{
    check_channel(&primary);
    if (subchannel_id) check_channel(&subchannel);
}

void recover(void)
{
    attach();
    check_storage();
}
