namespace VmBus.Bus.Serving;

/// <summary>Whom a pump tells what the channel server has to know. Called on the channel's lane.</summary>
internal interface IPumpOwner
{
    /// <summary>The guest broke the rules.</summary>
    void ChannelFailed(uint channelId, string reason);

    /// <summary>Nothing of the channel touches guest memory any more.</summary>
    void ChannelClosed(uint channelId);

    /// <summary>The device wants this many sub-channels.</summary>
    void SubchannelsWanted(uint primaryId, int count);

    /// <summary>The device wants to use a GPADL; answered once by <see cref="GpadlHolds.Taken"/>.</summary>
    void TakeGpadl(uint channelId, uint gpadlId);

    /// <summary>The device has stopped using a GPADL.</summary>
    void ReleaseGpadl(uint channelId, uint gpadlId);
}
