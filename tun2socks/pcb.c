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
