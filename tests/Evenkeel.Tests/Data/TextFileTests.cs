using System.Text;
using Evenkeel.Data;
using Evenkeel.Tables;
using Evenkeel.Tests.Serialization;
using Xunit;

namespace Evenkeel.Tests.Data;

public sealed class TextFileTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Two_classes_of_another_encoding_never_become_one(bool mark)
    {
        // é and è in Windows-1252, which a decoder that is not strict turns into one replacement character.
        byte[] bytes = [.. mark ? (byte[])[0xEF, 0xBB, 0xBF] : [], .. "w,k\n1,"u8, 0xE9, .. "\n2,"u8, 0xE8, .. "\n"u8];
        using var folder = new TempFolder();
        string path = folder.File("latin1.csv");
        File.WriteAllBytes(path, bytes);
        string message = Assert.Throws<InvalidDataException>(() => TableSchema.Learn(path)).Message;
        int at = (mark ? 3 : 0) + 7;
        Assert.StartsWith(
            $"TableSchema: expected UTF-8, \"{path}\" holds the byte E9 in line 2 (byte 3 of the "
            + $"line, byte {at} of the file)",
            message, StringComparison.Ordinal);
        Assert.Contains("Save it as UTF-8", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mark_of_UTF8_or_UTF16_is_no_part_of_the_text()
    {
        const string text = "größe,type\r\n1,é\n2,𝒳\n";
        using var folder = new TempFolder();
        foreach (Encoding encoding in (Encoding[])[new UTF8Encoding(false), new UTF8Encoding(true),
            new UnicodeEncoding(false, true), new UnicodeEncoding(true, true)])
        {
            byte[] bytes = [.. encoding.Preamble, .. encoding.GetBytes(text)];
            Assert.Equal(text, TextFile.Decode(bytes, "t"));
            File.WriteAllBytes(folder.File("t.csv"), bytes);
            var set = TableSchema.Learn(folder.File("t.csv"));
            Assert.Equal("größe", set.InputNames.Single());
            Assert.Equal(["é", "𝒳"], set.ClassNames);
        }

        Assert.Equal("", TextFile.Decode([0xEF, 0xBB, 0xBF], "t"));
    }

    [Fact]
    public void Other_encodings_and_damage_are_named_with_their_place()
    {
        Refused([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "the mark of UTF-32");
        Refused([0, 0, 0xFE, 0xFF, 0, 0, 0, 0x61], "the mark of UTF-32");
        Refused([0xFF, 0xFE, 0x61, 0, 0x0A], "an odd number");
        Refused([0xFF, 0xFE, 0x61, 0, 0x0A, 0, 0x00, 0xD8, 0x62, 0],
            "half a pair of surrogates (D800) in line 2 (byte 7 of the file)");
        Refused([0xFE, 0xFF, 0xDC, 0x00], "half a pair of surrogates (DC00) in line 1 (byte 3 of the file)");
        Refused([0x61, 0, 0x62, 0],
            "a zero byte in line 1 (byte 2 of the line, byte 2 of the file): another kind of file, or UTF-16 without");
        Refused([.. "a\rb\r\n"u8, 0xC3], "the byte C3 in line 3 (byte 1 of the line, byte 6 of the file)");
        // Overlong forms and surrogates are no UTF-8.
        Refused([0xC0, 0x80], "the byte C0");
        Refused([0xED, 0xA0, 0x80], "the byte ED");

        static void Refused(byte[] bytes, string expected) =>
            Assert.Contains(expected,
                Assert.Throws<InvalidDataException>(() => TextFile.Decode(bytes, "t.txt")).Message,
                StringComparison.Ordinal);
    }
}
