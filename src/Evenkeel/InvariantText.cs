using System.Globalization;
using System.Text;

namespace Evenkeel;

/// <summary>Texts that would ask the thread's culture, in the invariant one.</summary>
internal static class InvariantText
{
    /// <summary>The numbers, separated by commas.</summary>
    public static string List<T>(ReadOnlySpan<T> values) where T : IFormattable
    {
        var text = new StringBuilder();
        foreach (T value in values)
            text.Append(text.Length == 0 ? "" : ", ").Append(value.ToString(null, CultureInfo.InvariantCulture));
        return text.ToString();
    }

    /// <summary>
    /// What the compiler writes as a record's text, <c>Name { A = 1, B = 2 }</c>, from the members that it prints.
    /// </summary>
    public static string Of(string name, Func<StringBuilder, bool> printMembers)
    {
        CultureInfo culture = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        try
        {
            StringBuilder text = new StringBuilder(name).Append(" { ");
            if (printMembers(text)) text.Append(' ');
            return text.Append('}').ToString();
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }
}
