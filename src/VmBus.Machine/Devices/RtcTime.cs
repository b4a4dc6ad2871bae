namespace VmBus.Machine.Devices;

/// <summary>The clock's time registers as plain numbers, by register.</summary>
internal struct RtcTime
{
    internal const int Seconds = 0x00;
    internal const int Minutes = 0x02;
    internal const int Hours = 0x04;
    internal const int DayOfWeek = 0x06;
    internal const int DayOfMonth = 0x07;
    internal const int Month = 0x08;
    internal const int Year = 0x09;

    // The range that keeps sums of the host's clock and the guest's offset inside what DateTime can hold.
    private const int FirstYear = 1900;
    private const int LastYear = 9000;

    private int _second;
    private int _minute;
    private int _hour;
    private int _dayOfWeek;
    private int _day;
    private int _month;
    private int _year;
    private int _century;

    /// <summary>The number in a time register; 0 for any other.</summary>
    internal int this[int register]
    {
        readonly get => register switch
        {
            Seconds => _second,
            Minutes => _minute,
            Hours => _hour,
            DayOfWeek => _dayOfWeek,
            DayOfMonth => _day,
            Month => _month,
            Year => _year,
            RealTimeClock.CenturyRegister => _century,
            _ => 0,
        };
        set
        {
            switch (register)
            {
                case Seconds: _second = value; break;
                case Minutes: _minute = value; break;
                case Hours: _hour = value; break;
                case DayOfWeek: _dayOfWeek = value; break;
                case DayOfMonth: _day = value; break;
                case Month: _month = value; break;
                case Year: _year = value; break;
                case RealTimeClock.CenturyRegister: _century = value; break;
                default: break;
            }
        }
    }

    internal static bool IsTimeRegister(int register) =>
        register is Seconds or Minutes or Hours or (>= DayOfWeek and <= Year) or RealTimeClock.CenturyRegister;

    internal static RtcTime From(DateTime time) => new()
    {
        _second = time.Second,
        _minute = time.Minute,
        _hour = time.Hour,
        _dayOfWeek = (int)time.DayOfWeek + 1,
        _day = time.Day,
        _month = time.Month,
        _year = time.Year % 100,
        _century = time.Year / 100,
    };

    /// <summary>False when the registers hold no date between 1900 and 9000. The day of the week follows from the date.</summary>
    internal readonly bool TryGetDateTime(out DateTime time)
    {
        time = default;
        int year = (_century * 100) + _year;
        if (year is < FirstYear or > LastYear || _year > 99 || _month is < 1 or > 12 || _day < 1 || _day > DateTime.DaysInMonth(year, _month)
            || _hour > 23 || _minute > 59 || _second > 59)
        {
            return false;
        }

        time = new DateTime(year, _month, _day, _hour, _minute, _second, DateTimeKind.Utc);
        return true;
    }
}
