namespace VmBus.Bus.Ports;

/// <summary>Who wants to know when channels open and close. Called on the control lane; neither blocks nor throws.</summary>
public interface IChannelObserver
{
    /// <summary>The guest has opened a channel, and its device serves it.</summary>
    void ChannelOpened(uint channelId, Guid interfaceType, int subchannelIndex);

    /// <summary>Nothing of the channel runs any more.</summary>
    void ChannelClosed(uint channelId, Guid interfaceType, int subchannelIndex);
}
