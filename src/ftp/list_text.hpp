// SPDX-License-Identifier: MIT
//
// What the grammars of listings have in common: words, clocks, dates. Private to this floor. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/civil_time.hpp"
#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"

namespace ftpsfs::ftp::text {

/// A word and where it stands on the line.
struct Word {
  std::string_view text;
  std::size_t begin;
  std::size_t end;
};
/// @param most a name's words need not be searched.
std::vector<Word> words_of(std::string_view line, std::size_t most, std::size_t from = 0);

/// A whole number of at most so many digits.
std::optional<unsigned> small_number(std::string_view text, std::size_t most_digits) noexcept;

/// "hh:mm", "hh:mm:ss[.fraction]", both with AM or PM perhaps, into `time`.
/// @return the grain it tells.
std::optional<FactGrain> read_clock(std::string_view text, CivilTime& time);

/// "Jan", "févr.", "Mrz", "янв", "июн": the short and long names of eleven languages.
/// @return 1 to 12; 0 for anything else.
unsigned month_of(std::string_view name) noexcept;

/// "4月", "18日", "2003年" in UTF-8 and in the national character sets of China, Japan and Korea.
struct MarkedNumber {
  unsigned value;
  char mark;  ///< 'y', 'm' or 'd'
};
std::optional<MarkedNumber> read_marked_number(std::string_view text) noexcept;

/// 0 to 59 are of this century.
int full_year(unsigned two_digits) noexcept;

/// As the server's clock shows it.  @return absent when there is no such time.
std::optional<FactTime> to_fact_time(const CivilTime& shown, FactGrain grain,
                                     const ListContext& context);

/// "2-JUN-1998", "18-Sep-00": day, English month, year.
std::optional<CivilTime> read_named_day(std::string_view text);

/// Three numbers with '/', '-' or '.' between.
struct NumericDate {
  std::array<unsigned, 3> parts;
  std::array<std::size_t, 3> digits;
  char separator;
};
std::optional<NumericDate> read_numeric_date(std::string_view text) noexcept;
/// @return absent when there is no such day.
std::optional<CivilTime> in_order(const NumericDate& date, DateOrder order);

/// Finds the order that fits all dates of a listing.
class OrderFinder {
 public:
  explicit OrderFinder(const ListContext& context) : context_(context) {}

  void see(std::string_view text);

  struct Verdict {
    DateOrder order;
    bool proved;
  };
  /// @param custom the orders of such systems, the most usual first, where nothing else tells.
  Verdict decide(std::array<DateOrder, 3> custom) const;
  bool saw_any() const noexcept { return seen_ > 0; }

 private:
  static constexpr std::array<DateOrder, 3> kOrders = {DateOrder::ymd, DateOrder::mdy,
                                                       DateOrder::dmy};

  const ListContext& context_;
  std::size_t seen_ = 0;
  char separator_ = 0;
  std::array<bool, 3> impossible_{};
  std::array<bool, 3> in_future_{};
};

/// "9,730", "9.730", "9'730", "9730".
std::optional<std::uint64_t> read_grouped_number(std::string_view text) noexcept;

}  // namespace ftpsfs::ftp::text
