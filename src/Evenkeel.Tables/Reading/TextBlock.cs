using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Evenkeel.Tables;

/// <summary>Makes letters of blocks.</summary>
internal static class TextBlock
{
    /// <summary>Checks that a block is UTF-8 without zeros.</summary>
    /// <exception cref="InvalidDataException">It is not. The line is named.</exception>
    public static void Check(Block block, TableText text)
    {
        if (!Utf8.IsValid(block.Text) || block.Text.Contains((byte)0)) throw text.NotText(block.Text, block.FirstLine);
    }

    /// <summary>Reads the rows of a block and gives its buffer back.</summary>
    /// <param name="block">The block.</param>
    /// <param name="head">What its text is like.</param>
    /// <param name="read">Reads the rows that are data.</param>
    public static T Read<T>(Block block, TableHead head, Func<RowReader, T> read)
    {
        char[]? letters = null;
        try
        {
            Check(block, head.Text);
            letters = ArrayPool<char>.Shared.Rent(block.Length);
            int length = Encoding.UTF8.GetChars(block.Text, letters);
            using var rows = new RowReader(letters.AsMemory(0, length), head.Format, head.Text.Name, block.FirstLine)
            {
                HasLostLetter = block.Text.IndexOf("\uFFFD"u8) >= 0,
            };
            for (int i = 0; block.IsFirst && i < head.Skip; i++) rows.Next();
            return read(rows);
        }
        finally
        {
            block.Return();
            if (letters is not null) ArrayPool<char>.Shared.Return(letters);
        }
    }
}
