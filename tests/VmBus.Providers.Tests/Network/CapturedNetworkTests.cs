using System.Globalization;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>
/// Plays what real guests' network drivers put into their rings to the adapter again, and the frames of the link with it, and holds its answers, the
/// RNDIS messages it gives the guest and the frames it gives the link against those of the capture, byte for byte. No field is masked.
/// </summary>
public sealed class CapturedNetworkTests
{
    public static TheoryData<string> Conversations => [.. SpecConversation.Names("network")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Host_answers_the_guest_of_the_capture_as_it_did_then(string name)
    {
        SpecConversation conversation = SpecConversation.Load(name);
        using var replay = new NetworkReplay(conversation);
        IReadOnlyList<SpecUtterance> lines = conversation.Utterances;
        byte[] messages = [];
        int packets = 0, frames = 0;
        for (int i = 0; i < lines.Count; i++)
        {
            SpecUtterance line = lines[i];
            string[] words = line.Label.Split(' ');
            uint channel = uint.Parse(words[1], CultureInfo.InvariantCulture);
            switch (words[0], line.FromGuest)
            {
                case ("open", _):
                    replay.Open(channel, int.Parse(words[2], CultureInfo.InvariantCulture));
                    break;
                case ("close", _):
                    replay.Close(channel);
                    break;
                case ("channel", true):
                    bool carries = i + 1 < lines.Count && lines[i + 1].FromGuest && lines[i + 1].Label == $"data {channel}";
                    replay.Send(channel, line.Bytes, carries ? lines[++i].Bytes : []);
                    break;
                case ("link", true):
                    AssertSame(line, replay.TakeFrame(channel), i);
                    frames++;
                    break;
                case ("link", false):
                    replay.Deliver(channel, line.Bytes);
                    break;
                case ("data", false):
                    // The host writes sections before the packet that names them.
                    messages = line.Bytes;
                    break;
                case ("channel", false):
                    (byte[] packet, byte[] written) = replay.TakePacket(channel, line.Bytes);
                    AssertSame(line, packet, i);
                    Assert.Equal(Convert.ToHexStringLower(messages), Convert.ToHexStringLower(written));
                    messages = [];
                    packets++;
                    break;
                default:
                    Assert.Equal("buffer", words[0]);
                    break;
            }
        }

        Assert.True(packets > 100 && frames > 50);
        Assert.Equal(0, replay.Unclaimed);
    }

    private static void AssertSame(SpecUtterance expected, byte[] actual, int line) =>
        Assert.True(expected.Bytes.AsSpan().SequenceEqual(actual), string.Create(
            CultureInfo.InvariantCulture, $"Utterance {line}, {expected.Label}:\n{Convert.ToHexStringLower(expected.Bytes)}\n{Convert.ToHexStringLower(actual)}"));
}
