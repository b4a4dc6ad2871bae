using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>
/// Plays what real guests' storage drivers put into their rings to the controller again, with a disk like that of the capture, and holds its answers
/// and the data it reads against those of the capture, byte for byte. No field is masked.
/// </summary>
public sealed class CapturedStorageTests
{
    public static TheoryData<string> Conversations => [.. SpecConversation.Names("storage")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Host_answers_the_guest_of_the_capture_as_it_did_then(string name)
    {
        SpecConversation conversation = SpecConversation.Load(name);
        using var replay = new StorageReplay(conversation.Head);
        IReadOnlyList<SpecUtterance> lines = conversation.Utterances;
        int answers = 0;
        for (int i = 0; i < lines.Count; i++)
        {
            string[] words = lines[i].Label.Split(' ');
            uint channel = uint.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
            bool isData = words[0] == "data";
            if (isData && lines[i].FromGuest)
            {
                continue;
            }

            if (lines[i].FromGuest)
            {
                // What the guest writes is in its buffer before the packet is.
                byte[] data = i + 1 < lines.Count && lines[i + 1].FromGuest && lines[i + 1].Label == $"data {channel}" ? lines[i + 1].Bytes : [];
                replay.Send(channel, lines[i].Bytes, data);
                continue;
            }

            // What the host has read comes before the answer that tells of it.
            byte[]? read = null;
            if (isData) read = lines[i++].Bytes;
            (byte[] answer, byte[] buffer) = replay.TakeAnswer(channel, lines[i].Bytes, read?.Length ?? 0);
            Assert.Equal(Convert.ToHexStringLower(lines[i].Bytes), Convert.ToHexStringLower(answer));
            if (read is not null) Assert.Equal(Convert.ToHexStringLower(read), Convert.ToHexStringLower(buffer));
            answers++;
        }

        Assert.True(answers > 20);
        Assert.Equal(0, replay.Unclaimed);
    }
}
