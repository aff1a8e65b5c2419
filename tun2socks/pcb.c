#include "tun2socks/pcb.h"

#include "lwip/priv/tcp_priv.h"

bool pcb_needs_timer(const struct tcp_pcb *pcb)
{
    if (pcb->unacked || pcb->unsent || pcb->ooseq ||
        (pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND)))
        return true;
    if (pcb->state == FIN_WAIT_2)
        return (pcb->flags & TF_RXCLOSED) != 0;
    return pcb->state != ESTABLISHED && pcb->state != CLOSE_WAIT;
}

bool pcb_leaves_whole(const struct tcp_pcb *pcb)
{
    u32_t queued = pcb->snd_lbb - pcb->lastack;
    return !pcb->unsent || (queued <= pcb->snd_wnd && queued <= pcb->cwnd);
}

bool pcb_has_room(const struct tcp_pcb *pcb)
{
    return pcb->snd_buf >= TCP_SND_BUF / 2 && pcb->snd_queuelen < TCP_SND_QUEUELEN / 2;
}

void pcb_repair(struct tcp_pcb *pcb, uint16_t segment_size)
{
    /* Any segment may carry an MSS option, and lwIP believes it. */
    pcb->mss = segment_size;
    /* The persist timer goes on when the probe's byte was all there was to send. */
    if (!pcb->unsent || pcb->unacked)
        pcb->persist_backoff = 0;
    /* Each copy of the SYN counts as a loss of our answer, and too many end the connection; the
     * client sent them while its target was dialed, and they may all arrive at once. */
    if (pcb->state == SYN_RCVD)
        pcb->nrtx = 0;
}

bool pcb_split(struct tcp_pcb *pcb, uint16_t size)
{
    if (tcp_split_unsent_seg(pcb, size) != ERR_OK)
        return false;
    struct tcp_seg *first = pcb->unsent;
    if (first->next)
        TCPH_FLAGS_SET(first->tcphdr, TCPH_FLAGS(first->tcphdr) & ~(unsigned)TCP_FIN);
    return true;
}
