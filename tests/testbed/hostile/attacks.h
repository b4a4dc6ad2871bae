// What the guest can do to its host. Each begins with a working controller and may leave it in any state.
#pragma once
#include "storage.h"

void attack_hypercalls(void);
void attack_messages(void);
void attack_channels(void);
void attack_gpadls(void);
void attack_rings(void);
void attack_packets(void);
void attack_requests(void);
void attack_floods(void);
void attack_pages(void);
void attack_races(void);
void attack_endings(void);
void attack_services(void);
void attack_controller(void);
