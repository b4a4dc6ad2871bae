// The guest's side of the VMBus: hypercalls, channel messages, rings. Numbers are those of protocol-spec/synic.md, channel.md and ring.md.
#pragma once
#include "machine.h"

enum { HYPERCALL_SUCCESS = 0, INVALID_CODE = 2, INVALID_INPUT = 3, INVALID_ALIGNMENT = 4, INVALID_PARAMETER = 5, INVALID_CONNECTION = 0x12,
       INSUFFICIENT_BUFFERS = 0x13 };
enum { POST_MESSAGE = 0x5C, SIGNAL_EVENT = 0x5D, FAST = 1 << 16 };
enum { OFFER = 1, RESCIND, REQUEST_OFFERS, OFFERS_DELIVERED, OPEN, OPEN_RESULT, CLOSE, GPADL_HEADER, GPADL_BODY, GPADL_CREATED, GPADL_TEARDOWN,
       GPADL_TORNDOWN, RELID_RELEASED, INITIATE_CONTACT, VERSION_RESPONSE, UNLOAD, UNLOAD_RESPONSE, OPEN_RESERVED, CLOSE_RESERVED,
       CLOSE_RESERVED_RESPONSE, TL_CONNECT, MODIFY = 22, TL_CONNECT_RESULT, MODIFY_RESPONSE };
#define STATUS_INVALID_PARAMETER 0xC000000Du
#define STATUS_INSUFFICIENT_RESOURCES 0xC000009Au
#define STATUS_CONNECTION_REFUSED 0xC0000236u
#define VERSION_5_3 0x00050003u
#define SIMP 0x40000083u
#define SIEFP 0x40000082u
#define SCONTROL 0x40000080u
#define RING_PAGES 16u
#define RING_BYTES ((RING_PAGES - 1) * PAGE)

struct message { u32 words[60]; };

// An open channel with its rings: RING_PAGES pages to the host, as many from it.
struct channel
{
    u8 *rings;
    u32 id, gpadl, connection;
    u32 write, read;
};

// A page of a ring's control words.
struct control { volatile u32 write, read, mask, pending; };

struct packet { u16 type, header_words, total_words, flags; u64 transaction; u8 data[4096 - 16]; };

extern u32 primary_id, subchannel_id;

// Channels of devices other than storage, and the first word of each one's interface type.
extern struct offered { u32 id, type; } services[16];
extern u32 service_count;

u64 hypercall(u64 input, u64 first);
void start_synic(u32 processor);
u64 post_to(u32 connection, u32 type, u32 bytes, const void *payload);
// Posts a channel message; tries again while the host has no room.
void post(const void *message, u32 bytes);
void post_words(u32 count, ...);
u64 signal(u32 connection);

// The message slot of SINT 2 of a processor.
volatile u8 *slot_of(u32 processor);

// The next message that is no offer and no rescind (these are noted); false when there is none now.
bool take_message(struct message *message);
struct message next_message(const char *what);
// Waits for the next message and checks its number and the word at offset 8.
struct message expect_message(const char *what, u32 number, u32 subject);
// The host has answered none of what was posted before.
void expect_no_answer(const char *what);
bool was_rescinded(u32 channel);
void expect_rescind(const char *what, u32 channel);

u32 initiate_contact(u32 version, u32 processor, u64 target, u64 parent_page, u64 child_page);
// A new connection: whatever was before is forgotten.
void connect(void);
void request_offers(void);
// Posts a GPADL_HEADER, and bodies for what does not fit; says nothing of the answer.
void post_gpadl(u32 channel, u32 gpadl, u32 range_bytes, u32 range_count, const void *ranges, u32 bytes);
u32 create_gpadl(u32 channel, u32 gpadl, u32 range_bytes, u32 range_count, const void *ranges, u32 bytes);
u32 create_ring_gpadl(u32 channel, u32 gpadl, const void *memory, u32 pages);
void teardown_gpadl(u32 channel, u32 gpadl);
u32 open_channel(u32 channel, u32 gpadl, u32 offset, u32 processor);
// Opens a channel over cleared rings.
void open_rings(struct channel *channel, u32 id, u8 *rings);

struct control *outbound(struct channel *channel);
struct control *inbound(struct channel *channel);
// Puts bytes at the private write index.
void put(struct channel *channel, const void *bytes, u32 count);
// Publishes what was put and signals.
void publish(struct channel *channel);
void send_packet(struct channel *channel, u16 type, u16 flags, u64 transaction, const void *header, u32 header_bytes,
    const void *payload, u32 payload_bytes);
bool take_packet(struct channel *channel, struct packet *packet);
