using VmBus.Machine.Acpi;
using Xunit;

namespace VmBus.Machine.Tests.Acpi;

public sealed class AmlBuilderTests
{
    // A package length counts its own bytes, so the borders between its forms are where it goes wrong: 63, 4095 and 1048575.
    [Theory]
    [InlineData(1, 100)]
    [InlineData(4000, 4200)]
    [InlineData(1_048_500, 1_048_600)]
    public void Package_length_covers_exactly_what_follows(int shortest, int longest)
    {
        for (int text = shortest; text <= longest; text++)
        {
            byte[] code = new AmlBuilder().Device("DEV0", device => device.Name("_HID", new string('x', text))).ToArray();
            Assert.Equal([0x5B, 0x82], code[..2]);
            Assert.Equal(code.Length - 2, PackageLength(code.AsSpan(2)));
        }
    }

    [Theory]
    [InlineData(0UL, "00")]
    [InlineData(1UL, "01")]
    [InlineData(0x7FUL, "0A7F")]
    [InlineData(0x100UL, "0B0001")]
    [InlineData(0x1_0000UL, "0C00000100")]
    [InlineData(0x1_0000_0000UL, "0E0000000001000000")]
    public void Integers_take_their_shortest_form(ulong value, string code) =>
        Assert.Equal("085F554944" + code, Convert.ToHexString(new AmlBuilder().Name("_UID", value).ToArray()));

    // The compressed ids are those that the ACPI specification and every PC show.
    [Theory]
    [InlineData("PNP0501", "0C41D00501")]
    [InlineData("PNP0B00", "0C41D00B00")]
    [InlineData("PNP0003", "0C41D00003")]
    public void Plug_and_play_ids_are_compressed(string id, string code) =>
        Assert.Equal("085F484944" + code, Convert.ToHexString(new AmlBuilder().EisaName("_HID", id).ToArray()));

    [Theory]
    [InlineData("\\_S5", "085C5F53355F")]
    [InlineData("_SB.DEV", "082E5F53425F4445565F")]
    [InlineData("\\A.B.C", "085C2F03415F5F5F425F5F5F435F5F5F")]
    public void Paths_have_segments_of_four_characters(string path, string code) =>
        Assert.Equal(code + "00", Convert.ToHexString(new AmlBuilder().Name(path, 0UL).ToArray()));

    // ACPI 6.5 §20.2.4, read by the specification: the first byte's top bits say how many bytes follow.
    private static int PackageLength(ReadOnlySpan<byte> code)
    {
        int following = code[0] >> 6;
        if (following == 0) return code[0] & 0x3F;
        int length = code[0] & 0x0F;
        for (int i = 0; i < following; i++) length |= code[1 + i] << (4 + (8 * i));
        return length;
    }
}
