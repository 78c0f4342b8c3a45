using Evenkeel.Data;

namespace Evenkeel.Cli.Pictures;

/// <summary>Letters of 5x7 dots for labels in pictures: printable ASCII.</summary>
internal static class BitmapFont
{
    /// <summary>Dots from one letter to the next.</summary>
    public const int Advance = 6;

    /// <summary>Dots a letter is high.</summary>
    public const int Height = 7;

    // From the space on, five columns per letter; bit 0 is the top dot.
    private static readonly byte[] s_columns = Convert.FromHexString(
        "000000000000005F00000007000700147F147F14242A7F2A12231308646236495620500008070300" +
        "001C2241000041221C002A1C7F1C2A08083E08080050300000080808080800606000002010080402" +
        "3E5149453E00427F400042615149462141454B311814127F1027454545393C4A4949300171090503" +
        "3649494936064949291E003636000000563600000814224100141414141400412214080201510906" +
        "324979413E7E1111117E7F494949363E414141227F4141221C7F494949417F090909013E4149497A" +
        "7F0808087F00417F41002040413F017F081422417F404040407F020C027F7F0408107F3E4141413E" +
        "7F090909063E4151215E7F09192946464949493101017F01013F4040403F1F2040201F3F4038403F" +
        "631408146307087008076151494543007F41410002040810200041417F0004020102044040404040" +
        "000102040020545454787F484444383844444420384444487F3854545418087E0901020C5252523E" +
        "7F0804047800447D40002040443D007F1028440000417F40007C041804787C080404783844444438" +
        "7C14141408081414187C7C080404084854545420043F4440203C4040207C1C2040201C3C4030403C" +
        "44281028440C5050503C4464544C44000836410000007F000000413608001008081008");

    /// <summary>Writes a line; what does not fit is cut off, what is not ASCII is a question mark.</summary>
    public static void Write(ByteImage image, string text, int x, int y, int scale, byte level)
    {
        for (int at = 0; at < text.Length; at++)
        {
            int letter = text[at] is >= ' ' and <= '~' ? text[at] - ' ' : '?' - ' ';
            for (int column = 0; column < 5 * scale; column++)
            {
                int dots = s_columns[letter * 5 + column / scale], px = x + at * Advance * scale + column;
                for (int row = 0; row < Height * scale; row++)
                {
                    int py = y + row;
                    if ((dots >> (row / scale) & 1) == 0 || (uint)px >= (uint)image.Width
                        || (uint)py >= (uint)image.Height) continue;
                    for (int c = 0; c < image.Channels; c++) image.Plane(c)[py * image.Width + px] = level;
                }
            }
        }
    }
}
