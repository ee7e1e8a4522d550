/* clock: the two times. Only shells read them; the pure core gets them as parameters. */
#ifndef CANDOR_SYS_CLOCK_H
#define CANDOR_SYS_CLOCK_H

#include <stdint.h>

/* Since some moment before the start, never backwards, for durations and deadlines. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Since 1970 in UTC, may jump, for what is shown or written down. */
uint64_t clock_wall_ms(void);
uint64_t clock_wall_us(void);

#endif
