using Evenkeel.Cli.Pictures;
using Evenkeel.Data;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class ContactSheetTests
{
    [Fact]
    public void Letters_are_drawn_dot_by_dot()
    {
        var image = new ByteImage(new byte[8 * 6], 1, 8, 6);
        BitmapFont.Write(image, "1~", 0, 0, 1, 1);
        string[] rows = [.. Enumerable.Range(0, 8)
            .Select(y => string.Concat(Enumerable.Range(0, 6).Select(x => image.Pixels[y * 6 + x] == 0 ? '.' : '#')))];
        Assert.Equal(["..#...", ".##...", "..#...", "..#...", "..#...", "..#...", ".###..", "......"], rows);

        // Every letter that can be written has dots, but for the space; no two look alike.
        var seen = new HashSet<string>();
        for (char letter = ' '; letter <= '~'; letter++)
        {
            var one = new ByteImage(new byte[7 * 5], 1, 7, 5);
            BitmapFont.Write(one, letter.ToString(), 0, 0, 1, 1);
            Assert.Equal(letter == ' ', one.Pixels.All(static dot => dot == 0));
            Assert.True(seen.Add(Convert.ToHexString(one.Pixels)), $"'{letter}' looks like another letter");
        }

        // What leaves the picture is cut off, and what is not ASCII is a question mark.
        BitmapFont.Write(image, "é!", -3, -3, 3, 1);
    }

    [Fact]
    public void Rows_hold_their_pictures()
    {
        var sheet = new ContactSheet(2);
        sheet.Add("a", [Plain(3, 32, 32, 200), Plain(1, 32, 32, 90), Plain(3, 300, 100, 10)]);
        sheet.Add("b", []);
        ByteImage drawn = sheet.Draw();

        // A column of one letter at 2, two boxes of 96 and their gaps; two lines of a, one of b.
        Assert.Equal((3, 8 + 3 * 100 + 8, 8 + 12 + 8 + 2 * 100 + 8), (drawn.Channels, drawn.Height, drawn.Width));
        Assert.Equal((200, 200), (At(drawn, 0, 8, 28), At(drawn, 2, 103, 123)));
        Assert.Equal((90, 90, 90), (At(drawn, 0, 50, 150), At(drawn, 1, 50, 150), At(drawn, 2, 50, 150)));
        Assert.Equal((10, 40), (At(drawn, 1, 110, 30), At(drawn, 1, 110, 70)));
        Assert.Contains((byte)235, drawn.Pixels);
        Assert.Equal(3, new ContactSheet(4).Draw().Channels);
    }

    [Fact]
    public void Groups_flow()
    {
        var sheet = new ContactSheet(5);
        (ByteImage, string) one = (Plain(3, 96, 96, 255), "one");
        sheet.AddFlow([[one, one], [one, one], [one, one, one, one, one, one]]);
        ByteImage drawn = sheet.Draw();
        Assert.Equal((8 + 3 * 110 + 8, 8 + 5 * 100 + 8), (drawn.Height, drawn.Width));
        Assert.Equal((255, 40, 255), (At(drawn, 0, 20, 120), At(drawn, 0, 20, 250), At(drawn, 0, 20, 330)));
    }

    private static byte At(ByteImage image, int channel, int y, int x) => image.Plane(channel)[y * image.Width + x];

    private static ByteImage Plain(int channels, int height, int width, byte level)
    {
        var pixels = new byte[channels * height * width];
        pixels.AsSpan().Fill(level);
        return new ByteImage(pixels, channels, height, width);
    }
}
